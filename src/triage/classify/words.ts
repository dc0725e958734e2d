/**
 * Words: the text of an issue as counted features. Title and body are counted apart, because a word in the title says more.
 * Headings, code and links of the Markdown become one feature each, because a template or a stack trace would else count as a
 * hundred words.
 */
import type { IssueText } from "./kind.ts"

/** How often each feature occurs, by its name. */
export type WordCounts = Map<string, number>

export interface Blocks {
  title: WordCounts
  body: WordCounts
}

/** Characters at the beginning of a body that are read; the rest is ignored. */
export const MAX_ISSUE_BODY = 6000
const MAX_WORD = 24

export function blocksOf({ title, body }: IssueText): Blocks {
  const titleCounts: WordCounts = new Map()
  const words = stems(title)
  count(titleCounts, words, "t:")
  if (words[0] !== undefined) add(titleCounts, `t1:${words[0]}`)
  const bodyCounts: WordCounts = new Map()
  const { prose, headings } = readIssueText(body.slice(0, MAX_ISSUE_BODY))
  count(bodyCounts, stems(prose), "b:")
  for (const heading of headings) add(bodyCounts, `h:${stems(heading).join(" ")}`)
  return { title: titleCounts, body: bodyCounts }
}

interface Markdown {
  prose: string
  headings: string[]
}

/** The prose and the headings that a person wrote. Comments are left out; a code block, a link or a picture becomes one word. */
export function readIssueText(text: string): Markdown {
  const headings: string[] = []
  const prose = text
    .replaceAll("\r", "")
    .replaceAll(/<!--[\s\S]*?(?:-->|$)/g, " ")
    .replaceAll(/^ {0,3}(```|~~~)[\s\S]*?(?:^ {0,3}\1|$(?![\s\S]))/gm, " xcodeblock ")
    .replaceAll(/!\[[^\]]*\]\([^)]*\)|<img\b[^>]*>/gi, " xpicture ")
    .replaceAll(/https?:\/\/\S+/g, " xlink ")
    .replaceAll(/^ {0,3}(?:#{1,6}\s+(.+)|\*\*(.{2,60}?)\*\*:?\s*)$/gm, (_all, first?: string, second?: string) => {
      headings.push((first ?? second ?? "").slice(0, 60))
      return " "
    })
  return { prose, headings }
}

/** The words of a text in lower case, without their endings. */
export function stems(text: string): string[] {
  const words =
    text
      .toLowerCase()
      .normalize("NFKC")
      .match(/[\p{L}\p{N}_]+(?:['’][\p{L}]+)?|\?/gu) ?? []
  return words.filter((word) => word.length <= MAX_WORD).map(stem)
}

/** Removes the commonest English endings. Rougher than Porter's stemmer, but it gives one stem for all forms of a word. */
function stem(word: string): string {
  if (word.length < 4 || /[^a-z]/.test(word)) return word.replace(/['’]/u, "")
  const bare = word
    .replace(/(?:ss|us|is)$/, "$&|")
    .replace(/ies$/, "y")
    .replace(/(?:es|s)$/, "")
    .replace("|", "")
    .replace(/(?:ingly|edly|ing|ed|ly)$/, "")
  const kept = bare.length >= 3 ? bare : word
  return kept.replace(/([bdfgmnprt])\1$/, "$1").replace(/e$/, "")
}

function count(counts: WordCounts, words: string[], prefix: string): void {
  words.forEach((word, at) => {
    add(counts, prefix + word)
    const next = words[at + 1]
    if (next !== undefined) add(counts, `${prefix}${word} ${next}`)
  })
}

function add(counts: WordCounts, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
