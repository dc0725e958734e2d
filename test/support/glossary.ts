/**
 * Glossary: the words of the house, read from the table in `src/README.md`, and what breaks its rule: one word, one meaning;
 * one thing, one word.
 */
import { basename } from "node:path/posix"

export interface Glossary {
  words: ReadonlySet<string>
  /** Each banned word and the word that stands for its thing. */
  banned: ReadonlyMap<string, string>
  /** Names that several files may export, because they are one thing. */
  shared: ReadonlySet<string>
}

/** Throws when a word is explained twice, or is explained and banned. */
export function readGlossary(page: string): Glossary {
  const rows = [...page.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]*)\|$/gm)].map(([, ...cells]) => cells)
  const table = rows.slice(rows.findIndex(([word]) => word === "word") + 1)
  const entries = table.flatMap(([entry = ""]) => listed(entry))
  const words = new Set(entries)
  const twice = entries.find((word, at) => entries.indexOf(word) !== at)
  if (twice) throw new Error(`the glossary explains "${twice}" twice`)
  const banned = new Map(table.flatMap(([entry = "", , instead = ""]) => listed(instead).map((word) => [word, entry])))
  const both = [...banned.keys()].find((word) => words.has(word))
  if (both) throw new Error(`the glossary explains and bans "${both}"`)
  const [, shared = ""] = /several files export because they are one thing: ([^\n]+)\.$/m.exec(page) ?? []
  return { words, banned, shared: new Set(shared === "none" ? [] : shared.replaceAll("`", "").split(", ")) }
}

/** Source text by path, as in `src/db/db.ts`. */
type Sources = ReadonlyMap<string, string>

/** Every breach in `sources`, one sentence each; empty when the glossary holds. */
export function breachesOfGlossary(sources: Sources, glossary: Glossary): string[] {
  const exported = [...sources].flatMap(([path, source]) => [...exportsOf(source)].map((name) => ({ path, name })))
  return [
    ...[...sources.keys()].flatMap((path) => bannedIn(basename(path), glossary, `the name of ${path}`)),
    ...exported.flatMap(({ path, name }) => bannedIn(name, glossary, `${name} of ${path}`)),
    ...homonyms(exported, glossary),
  ]
}

/** Names of `src` that two files export; a test may name its own things as it likes. */
function homonyms(exported: { path: string; name: string }[], { shared }: Glossary): string[] {
  const homes = new Map<string, string[]>()
  for (const { path, name } of exported)
    if (path.startsWith("src/") && !shared.has(name)) homes.set(name, [...(homes.get(name) ?? []), path])
  return [...homes].flatMap(([name, paths]) =>
    paths.length < 2
      ? []
      : [`${name} is exported by ${paths.join(" and ")}: give each its own name, or list it as one thing`],
  )
}

/** Names that a file declares and exports; a type and a value of one name are one thing. */
function exportsOf(source: string): Set<string> {
  const declared =
    /^export\s+(?:declare\s+|abstract\s+)*(?:async\s+)?(?:function\*?|const|let|class|interface|type)\s+([A-Za-z_$][\w$]*)/gm
  const lists = [...source.matchAll(/^export\s+(?:type\s+)?\{([^}]*)\}/gm)].flatMap(([, list = ""]) =>
    list.split(",").map((item) => item.trim().split(/\s+/).at(-1) ?? ""),
  )
  return new Set([...[...source.matchAll(declared)].map(([, name = ""]) => name), ...lists].filter(Boolean))
}

/** `chat-migration.test.ts`, `openApprovals` and `MAX_SMS_BODY` as their words in small letters. */
function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean)
}

function bannedIn(name: string, { banned }: Glossary, where: string): string[] {
  const word = wordsOf(name).find((one) => banned.has(one))
  return word === undefined ? [] : [`${where} has the word "${word}"; the glossary's is "${banned.get(word)}"`]
}

function listed(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim().toLowerCase())
    .filter(Boolean)
}
