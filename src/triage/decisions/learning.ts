/**
 * Learning: keeps the classifier of each repository. A classifier is made at its first use. It is made again after every
 * correction, and when the number of decisions has grown by a twentieth, because training at every decision would cost too
 * much.
 */
import { type Classifier, train } from "../classify/classifier.ts"
import type { Decisions } from "./decisions.ts"

export interface Learning {
  of(repo: string): Promise<Classifier>
}

/** How many of the newest decisions are learnt from. To learn from these takes about a third of a second. */
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
