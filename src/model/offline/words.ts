/**
 * Offline words: decides whether a memory is about a question, by the words that both contain. Words without a meaning of
 * their own never count.
 */
import type { RecalledMemory } from "./replies.ts"

/** Words without a meaning of their own. */
const EMPTY = new Set(
  `a about all also am an and any are as at be been but by can could d did do does ever for from get give go got had has have he her hers him his how i if in is it its
   just know like ll m me mine much many my no not now of off on one or our out put re remember s said say she should so some t tell than that the their them then there
   these they thing this those to told too up us ve want was we were what when where which who whom whose why will with would you your`.split(
    /\s+/,
  ),
)

/** The memories that share a word with the question; all of them when the question has no word that counts. */
export function touching(question: string, memories: readonly RecalledMemory[]): RecalledMemory[] {
  const wanted = wordsOf(question)
  return memories.filter(
    (memory) => wanted.length === 0 || wanted.some((word) => wordsOf(memory.text ?? "").some((w) => same(w, word))),
  )
}

/**
 * The memories that contain every word of the topic. Only these may be forgotten with it; none when the topic has no word
 * that counts.
 */
export function fullyAbout(topic: string, memories: readonly RecalledMemory[]): RecalledMemory[] {
  const wanted = wordsOf(topic)
  if (wanted.length === 0) return []
  return memories.filter((memory) => {
    const held = wordsOf(memory.text ?? "")
    return wanted.every((word) => held.some((w) => same(w, word)))
  })
}

function wordsOf(text: string): string[] {
  const words =
    text
      .toLowerCase()
      .normalize("NFKC")
      .match(/[\p{L}\p{N}]+/gu) ?? []
  return words.filter((word) => !EMPTY.has(word))
}

/** Whether two words are equal, or one begins with the other: `birthday` and `birthdays`, `park` and `parked`. */
function same(a: string, b: string): boolean {
  if (a === b) return true
  const [short, long] = a.length < b.length ? [a, b] : [b, a]
  return short.length >= 4 && long.length - short.length <= 3 && long.startsWith(short)
}
