/**
 * Dialogues: share of the turns that hold an answer among the first ten recalled (LoCoMo, Maharana et al. 2024, questions of
 * categories 1 to 4), by words alone. A turn is its speaker, what was said and what a shared photo shows, as its authors give it
 * to retrieval; its date is a key. The data is no part of the project: without it there is no figure.
 */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { z } from "zod"
import { systemClock } from "../../src/base/clock.ts"
import { OWNER_LABEL } from "../../src/base/label.ts"
import type { Opened } from "../../src/db/migrate.ts"
import type { Memory } from "../../src/memory/memory.ts"
import { createMemory } from "../../src/memory/store.ts"

const DATA = fileURLToPath(new URL("../../../shared/data/locomo-dev.json", import.meta.url))
const TOP = 10

const turn = z.looseObject({
  speaker: z.string(),
  dia_id: z.string(),
  text: z.string(),
  blip_caption: z.string().optional(),
})
const dialogues = z.array(
  z.looseObject({
    sample_id: z.string(),
    conversation: z.record(z.string(), z.unknown()),
    /** Facts by session and speaker, each with the turns it was taken from. */
    observation: z.record(
      z.string(),
      z.record(z.string(), z.array(z.tuple([z.string(), z.union([z.string(), z.array(z.string())])]))),
    ),
    qa: z.array(
      z.looseObject({ question: z.string(), evidence: z.array(z.string()).default([]), category: z.number() }),
    ),
  }),
)
type Dialogue = z.output<typeof dialogues>[number]

export interface DialogueFigures {
  /** Mean recall at 10 over all questions, 0 to 1. */
  recall: number
  /** The same when the facts that a model took from a turn (the data's own) are keys of it. */
  withFacts: number
  questions: number
}

/** Null without the data. */
export async function benchDialogues(db: Opened): Promise<DialogueFigures | null> {
  if (!existsSync(DATA)) return null
  const memory = createMemory({ db, queue: { send: async () => {} }, clock: systemClock })
  const all = dialogues.parse(JSON.parse(readFileSync(DATA, "utf8")))
  const bare: number[] = []
  const keyed: number[] = []
  for (const dialogue of all) {
    bare.push(...(await sharesOf(db, memory, dialogue, `person:${dialogue.sample_id}`, new Map())))
    keyed.push(...(await sharesOf(db, memory, dialogue, `person:${dialogue.sample_id}:facts`, factsOf(dialogue))))
  }
  return { recall: mean(bare), withFacts: mean(keyed), questions: bare.length }
}

/** The facts of each turn, as one text. */
function factsOf({ observation }: Dialogue): Map<string, string> {
  const facts = Object.values(observation).flatMap((bySpeaker) => Object.values(bySpeaker).flat())
  const texts = new Map<string, string>()
  for (const [text, turns] of facts)
    for (const id of [turns].flat()) texts.set(id, `${texts.get(id) ?? ""} ${text}`.trim())
  return texts
}

async function sharesOf(
  db: Opened,
  memory: Memory,
  { conversation, qa }: Dialogue,
  scope: string,
  facts: ReadonlyMap<string, string>,
): Promise<number[]> {
  for (const [name, value] of Object.entries(conversation)) {
    const turns = z.array(turn).safeParse(value)
    if (!turns.success) continue
    const date = z.string().catch("").parse(conversation[`${name}_date_time`])
    await db.transaction(async (tx) => {
      for (const { speaker, dia_id, text, blip_caption } of turns.data)
        await memory.remember(tx, {
          scope,
          kind: "document",
          text: `${speaker}: ${text}${blip_caption ? ` [photo: ${blip_caption}]` : ""}`,
          keys: `${date} ${facts.get(dia_id) ?? ""}`,
          label: OWNER_LABEL,
          sources: { turn: dia_id, thread: name },
        })
    })
  }
  const shares: number[] = []
  for (const { question, evidence } of qa.filter((one) => one.category <= 4 && one.evidence.length > 0)) {
    const found = await memory.recall({ scopes: [scope], text: question, limit: TOP })
    const turns = new Set(found.map(({ sources }) => sources.turn))
    shares.push(evidence.filter((id) => turns.has(id)).length / evidence.length)
  }
  return shares
}

function mean(shares: readonly number[]): number {
  return shares.reduce((sum, share) => sum + share, 0) / shares.length
}
