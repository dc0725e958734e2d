/**
 * Learning: the classifier of each repository, made when first asked for and again when there is something new to learn:
 * at once after a correction, and for each twentieth part that the decisions grew by.
 */
import { type Classifier, train } from "../classify/classifier.ts"
import type { Decisions } from "./decisions.ts"

export interface Learning {
  of(repo: string): Promise<Classifier>
}

/** The newest decisions that are learnt from: about a third of a second of work. */
const MOST = 500
const GROWTH = 1.05

interface Known {
  count: number
  corrections: string
  made: Promise<Classifier>
}

export function createLearning(decisions: Pick<Decisions, "examples" | "version">): Learning {
  const known = new Map<string, Known>()
  return {
    async of(repo) {
      const name = repo.toLowerCase()
      const { count, corrections } = await decisions.version(name)
      const before = known.get(name)
      const isFresh = before?.corrections === corrections && count >= before.count && count <= before.count * GROWTH
      if (before && isFresh) return await before.made
      const made = decisions.examples(name, MOST).then(train)
      known.set(name, { count, corrections, made })
      made.catch(() => known.delete(name))
      return await made
    },
  }
}
