/**
 * Words: an issue as weighted features. Title and body are counted apart, since a word in the title says more; Markdown is
 * read for what it is (headings, code, links), so that a template or a stack trace is one feature instead of a hundred words.
 */
import type { IssueText } from "./kind.ts"

/** Feature name to how often it occurs. */
export type WordCounts = Map<string, number>

export interface Blocks {
  title: WordCounts
  body: WordCounts
}

/** Characters of a body that are looked at. */
export const MAX_ISSUE_BODY = 6000
const MAX_WORD = 24

export function blocksOf({ title, body }: IssueText): Blocks {
  const titled: WordCounts = new Map()
  const words = stems(title)
  count(titled, words, "t:")
  if (words[0] !== undefined) add(titled, `t1:${words[0]}`)
  const written: WordCounts = new Map()
  const { prose, headings } = readIssueText(body.slice(0, MAX_ISSUE_BODY))
  count(written, stems(prose), "b:")
  for (const heading of headings) add(written, `h:${stems(heading).join(" ")}`)
  return { title: titled, body: written }
}

interface Markdown {
  prose: string
  headings: string[]
}

/** What a person wrote: comments and code are left out, links and pictures become one word each. */
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

/** Lower-case words without their endings. */
export function stems(text: string): string[] {
  const words =
    text
      .toLowerCase()
      .normalize("NFKC")
      .match(/[\p{L}\p{N}_]+(?:['’][\p{L}]+)?|\?/gu) ?? []
  return words.filter((word) => word.length <= MAX_WORD).map(stem)
}

/** The endings that make most difference in English; rougher than Porter's, and the same for every form of a word. */
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
