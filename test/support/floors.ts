/**
 * Floors: which room of `src` may import which, and what only one place may do. Reads the text of the sources, so type
 * imports, side-effect imports and dynamic imports count like any other; an import it cannot read is a breach as well.
 */
import { dirname, join } from "node:path/posix"

/** Rooms (folders of `src`) and the files beside them, each on its floor. A room imports lower floors only. */
const FLOORS: Record<string, number> = {
  "node-flags.ts": -2,
  "patched.js": -2,
  "postinstall.js": -1,
  "preflight.js": -1,
  base: 0,
  config: 0.5,
  db: 1,
  contract: 1,
  queue: 2,
  vault: 2,
  model: 3,
  journal: 3,
  memory: 4,
  channels: 4,
  schedule: 4,
  policy: 4,
  thread: 5,
  tools: 6,
  agent: 7,
  triage: 8,
  digest: 8,
  http: 9,
  worker: 9,
  cli: 9,
  app: 10,
  "main.ts": 11,
}
/**
 * The wings of a crowded room, lowest first. A wing is a folder of the room; `.` are the files beside the wings, but for those
 * that are named themselves. Wings in one line do not know each other.
 */
const WINGS: Record<string, string[][]> = {
  base: [["text"], ["."]],
  db: [["schema", "db.ts", "sql.ts", "errors.ts"], ["embedded"], ["."]],
  contract: [["."], ["installation", "work"], ["conversation"]],
  model: [["attached.ts", "model.ts"], ["servers"], ["dialects"], ["offline"], ["."]],
  channels: [["."], ["telegram", "sms", "email", "github"], ["open.ts"]],
  schedule: [["recurrence"], ["words"], ["automations"]],
  thread: [["people"], ["approvals"], ["outbox"], ["inbox"], ["runs", "hooks"]],
  agent: [["durable"], ["turn", "commands"], ["handlers"]],
  triage: [["classify"], ["decisions"], ["repository"], ["demo", "."]],
  http: [["."], ["webhooks"], ["api"], ["pages"], ["server.ts"]],
  worker: [["sending", "presence"], ["."]],
  cli: [["."], ["doctor"], ["commands"], ["program.ts"], ["vigil.ts"]],
  app: [["infrastructure.ts"], ["channels"], ["."]],
}
const MAX_LINES = 300
/** A room with more files beside its wings than this needs another wing. */
const MAX_LOOSE = 12

const READS_ENV = [
  /\bprocess\s*(?:\.|\?\.|\[\s*["'])\s*env\b/,
  /\benv\b[^}"']*\}\s*=\s*process\b/,
  /\benv\b[^}"']*\}\s*from\s*["'](?:node:)?process["']/,
]

/**
 * Signs that a file reads the words of a message for their meaning, and the place that may: the grammar of answers is for the
 * inbox's reader alone, and that reader for the inbox.
 */
const READS_MEANING: { sign: RegExp; where: string; isThere: (path: string) => boolean }[] = [
  { sign: /\breadAnswer\b/, where: "answers", isThere: (path) => path === MEANING || path.endsWith("/answer-text.ts") },
  { sign: /\breadWords\b/, where: "words", isThere: (path) => path.startsWith("src/thread/inbox/") },
  { sign: /\/\^\\\/\(?(?:\[a-z|\\w)/i, where: "commands", isThere: (path) => path === MEANING },
  {
    sign: /\b(?:text|words|body)\w*\s*(?:\.\s*trim\w*\s*\(\s*\)\s*)?\.\s*startsWith\s*\(\s*["'`]\/["'`]/i,
    where: "commands",
    isThere: () => false,
  },
  { sign: /["'`](?:STOPALL|UNSUBSCRIBE|OPTOUT)["'`]/i, where: "keywords", isThere: (path) => path === MEANING },
]
const MEANING = "src/thread/inbox/meaning.ts"

/** All others make steps of a run, and see no cursor. */
const HOLDS_CURSOR = new Set(["src/agent/durable/steps.ts", "src/agent/durable/tool-step.ts"])

/** Source text by path, as in `src/db/db.ts`. */
export type Sources = ReadonlyMap<string, string>

/** Every breach in `sources`, one sentence each; empty when the floors hold. */
export function breaches(sources: Sources): string[] {
  const graph = new Map<string, string[]>()
  const found: string[] = []
  for (const [path, source] of sources) {
    const code = withoutComments(source)
    const imported = importsOf(path, code)
    graph.set(path, imported)
    found.push(
      ...lengthOf(path, source),
      ...floorsOf(path, imported),
      ...onlyThere(path, code),
      ...unreadable(path, code),
    )
  }
  return [...found, ...crowded([...sources.keys()]), ...cyclesIn(graph)]
}

/** Comments go, strings stay; so `"https://x"` is no comment and a commented-out import is no import. */
function withoutComments(source: string): string {
  const pieces = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g
  return source.replace(pieces, (piece) => (piece.startsWith("/") ? " " : piece))
}

/** The relative imports of one file as paths from the root: `from "./x.ts"`, `import "./x.ts"`, `import("./x.ts")`. */
function importsOf(path: string, code: string): string[] {
  const forms = [
    /\b(?:import|export)\b[^"'`()]*?\bfrom\s*["']([^"']+)["']/g,
    /\bimport\s*["']([^"']+)["']/g,
    /\bimport\s*\(\s*["'`]([^"'`]+)["'`]/g,
  ]
  const specifiers = forms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1] ?? ""))
  return specifiers.filter((name) => name.startsWith(".")).map((name) => join(dirname(path), name))
}

/** `db` of `src/db/schema/work.ts`, `main.ts` of `src/main.ts`; undefined outside `src`. */
function roomOf(path: string): string | undefined {
  return path.startsWith("src/") ? path.split("/")[1] : undefined
}

function lengthOf(path: string, source: string): string[] {
  const lines = source.split("\n").length - 1
  return lines > MAX_LINES ? [`${path} has ${lines} lines; ${MAX_LINES} is the most`] : []
}

function floorsOf(path: string, imported: string[]): string[] {
  const room = roomOf(path) ?? ""
  const floor = FLOORS[room]
  if (floor === undefined) return [`${path} is in no known room; add it to the floors or move it`]
  return imported.flatMap((target) => {
    const other = roomOf(target)
    if (target === "package.json") return []
    if (other === room) return wingsOf(path, target)
    const below = other === undefined ? undefined : FLOORS[other]
    if (below === undefined) return [`${path} imports ${target}, which is in no known room`]
    return below < floor ? [] : [`${path} (floor ${floor}) imports ${target} (floor ${below})`]
  })
}

/** The place of a file among the wings of its room: their line and its name there; null in a room without wings. */
function placeOf(path: string): { line: number; name: string } | null {
  const [, room = "", wing = "", inner] = path.split("/")
  const lines = WINGS[room]
  if (!lines) return null
  const candidates = inner === undefined ? [wing, "."] : [wing]
  const name = candidates.find((one) => lines.some((line) => line.includes(one)))
  return name === undefined ? null : { line: lines.findIndex((line) => line.includes(name)), name }
}

/** Inside a room a wing imports the wings below it. */
function wingsOf(path: string, target: string): string[] {
  const [from, to] = [placeOf(path), placeOf(target)]
  if (!from || !to || from.name === to.name || to.line < from.line) return []
  if (to.line === from.line && path.endsWith(from.name) && target.endsWith(to.name)) return []
  return [`${path} (wing ${from.name}) imports ${target} (wing ${to.name}), which is not below it`]
}

/** Every folder of a room is one of its wings, and what stands beside them is not a crowd. */
function crowded(paths: string[]): string[] {
  const loose = new Map<string, number>()
  const found: string[] = []
  for (const path of paths) {
    const [, room = "", wing, inner] = path.split("/")
    if (WINGS[room] && wing && !placeOf(path)) found.push(`${path} is in no known wing; add it to the wings or move it`)
    if (wing && inner === undefined) loose.set(room, (loose.get(room) ?? 0) + 1)
  }
  for (const [room, files] of loose)
    if (files > MAX_LOOSE)
      found.push(`src/${room} has ${files} files beside its wings; ${MAX_LOOSE} are the most: make a wing`)
  return found
}

/** What only one place may do: read the environment, send a job, read what words mean, hold a cursor. */
function onlyThere(path: string, code: string): string[] {
  const readsEnv = READS_ENV.some((form) => form.test(code))
  const mayReadEnv = roomOf(path) === "config" || path === "src/main.ts" || path === "src/cli/vigil.ts"
  const sends = /\b\w*boss\w*\s*\.\s*(?:send\w*|insert|publish)\b/i.test(code)
  return [
    ...(readsEnv && !mayReadEnv ? [`${path} reads process.env; take the value from config`] : []),
    ...(sends && roomOf(path) !== "queue" ? [`${path} sends a job past src/queue; use queue.send(tx, ...)`] : []),
    ...(/journal-cursor\.ts["'`]/.test(code) && !HOLDS_CURSOR.has(path)
      ? [`${path} holds a journal cursor; take a step from src/agent/durable/steps.ts`]
      : []),
    ...READS_MEANING.filter(({ sign, isThere }) => !isThere(path) && sign.test(code)).map(
      ({ where }) => `${path} reads ${where} for their meaning; ${MEANING} has read them`,
    ),
  ]
}

function unreadable(path: string, code: string): string[] {
  const isComputed = /\bimport\s*\(\s*(?!["'`])/.test(code)
  return isComputed && path !== "src/preflight.js" ? [`${path} imports a computed name, which no check can follow`] : []
}

function cyclesIn(graph: ReadonlyMap<string, string[]>): string[] {
  const done = new Set<string>()
  const found: string[] = []
  function visit(path: string, trail: string[]): void {
    const start = trail.indexOf(path)
    if (start >= 0) found.push(`cycle: ${[...trail.slice(start), path].join(" -> ")}`)
    if (start >= 0 || done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}
