/**
 * BM25: how well memories match a question's words. The words of what was written beside a memory in its thread count as its
 * own, in part: a field of lower weight (BM25F; Robertson and Zaragoza, 2009).
 */

/** Saturation of repeated words, and how much long texts pay: both low, since memories are short. */
export const K1 = 0.3
const B = 0.3
/**
 * What a word is worth that stands so many memories away in the same thread. Measured on dialogues: evidence recall at 10
 * is 9.5 points higher than without, and within half a point for anything from 0.2 to 0.4.
 */
const BESIDE = [
  [-1, 0.3],
  [1, 0.3],
  [-2, 0.15],
  [2, 0.15],
] as const

export interface Candidate {
  id: number
  /** Number of word positions. */
  length: number
  thread: string | null
  /** How often each word of the question stands in it, by the word's place in `idf`. */
  words: Map<number, number>
}

export interface Match {
  id: number
  score: number
}

/**
 * Best first, newer first when equal. Scores are rounded, so that equal ones are equal in whatever order they were summed.
 * @param idf The worth of each word of the question.
 * @param meanLength Of all memories that were searched, in word positions.
 */
export function scored(candidates: readonly Candidate[], idf: readonly number[], meanLength: number): Match[] {
  const byId = new Map(candidates.map((candidate) => [candidate.id, candidate]))
  return candidates
    .map((candidate) => {
      const norm = K1 * (1 - B + (B * candidate.length) / meanLength)
      let score = 0
      for (const [word, tf] of heard(candidate, byId)) score += ((idf[word] ?? 0) * tf * (1 + K1)) / (tf + norm)
      return { id: candidate.id, score: Math.round(score * 1e9) / 1e9 }
    })
    .sort((a, b) => b.score - a.score || b.id - a.id)
}

/** A memory's words with those beside it. Memories of one moment have ids in a row, so what is beside one is found by its id. */
function heard({ id, thread, words }: Candidate, byId: ReadonlyMap<number, Candidate>): Map<number, number> {
  if (thread === null) return words
  const all = new Map(words)
  for (const [away, weight] of BESIDE) {
    const beside = byId.get(id + away)
    if (beside?.thread !== thread) continue
    for (const [word, tf] of beside.words) all.set(word, (all.get(word) ?? 0) + tf * weight)
  }
  return all
}
