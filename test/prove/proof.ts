/**
 * Proof: one experiment that could have shown a promise broken. A proof runs against the product, counts what it did, and
 * says what it saw; whether that keeps the promise is for the reader to check, so figures are never left out.
 */
export interface Setting {
  /** `short` fits the three minutes that all short proofs share; `full` the twenty of `npm run prove`. */
  form: "short" | "full"
  database: "pglite" | "postgres"
  /** Repeats the random choices of a run. */
  seed: number
  /** Progress, for a person who waits. */
  say(line: string): void
}

export interface Evidence {
  /** What was counted or measured, in the words and the order of the report: `{ "messages": 10000, "kill -9": 212 }`. */
  figures: Record<string, string | number>
  /** One sentence for each thing that broke a promise; empty when all held. */
  violations: string[]
  /** What took longer than it may, likewise; on a machine that is busy with other things it says nothing about the product. */
  late?: string[]
}

/** With more processes than this wanting each processor, how long something took says nothing about the product. */
export const BUSY = 4

/** The fault met nothing, so that nothing was shown and nothing found: for want of work, or of time. */
export class Untried extends Error {}

export interface Proof {
  /** Says which row of the report it is for, in two or three words: `kill loop`. */
  name: string
  databases: Setting["database"][]
  /**
   * `red`: a negative control, the product with one guard taken out, which must bring violations, or the proof it belongs to
   * could not fail.
   */
  expects: "green" | "red"
  run(setting: Setting): Promise<Evidence>
}
