/**
 * Power cut: the directory as it is found after the power went at some moment of a recording. Written pages lie in memory
 * until they are synced or happen to be written back, each for itself and in any order; a page on the disk is as it was at
 * one moment. What becomes of names is the file system's promise, of which there are two models.
 */
import fs from "node:fs"
import { dirname, join, relative } from "node:path"
import { move, type Operation, within } from "../../durability/disk.ts"

/**
 * `journalling`, as ext4 and xfs do: names, links and sizes go to the disk in their order, and any fsync takes along all
 * that happened before it; what came after the last one may be there up to some moment. `posix`, no more than the standard
 * promises: a name is safe once its directory was synced, whatever was done about the file.
 */
export type NameModel = "journalling" | "posix"

export interface PowerCut {
  /** The operations before this one were done. */
  at: number
  /** How likely a page, or a run of names, that was not synced is lost in whole, 0 to 1. */
  loss: number
  names: NameModel
  random: () => number
}

/** The smallest thing that is written whole. A page of the database is two. */
const PAGE = 4096

/** Turns `dir`, a copy of the directory as it was before the recording, into what is found after the cut. */
export function applyCut(whole: readonly Operation[], dir: string, cut: PowerCut): void {
  const log = whole.slice(0, cut.at)
  const isKept = cut.names === "journalling" ? journalling(log, cut) : posix(log, cut)
  const before = new Map(log.flatMap((o) => (o.op === "found" ? [[o.file, o.path] as const] : [])))
  const contents = contentsOf(log, dir, { before, isKept, cut })
  const { files, made, gone } = namesOf(log, isKept)
  for (const path of before.values()) if (!files.has(path)) fs.rmSync(join(dir, path), { force: true })
  for (const path of gone) fs.rmSync(join(dir, path), { recursive: true, force: true })
  for (const path of [...made.keys()].sort()) fs.mkdirSync(join(dir, path), { recursive: true, mode: 0o700 })
  for (const [path, file] of files) {
    const content = contents.get(file)
    if (content === undefined && before.get(file) === path) continue
    fs.mkdirSync(dirname(join(dir, path)), { recursive: true })
    fs.writeFileSync(join(dir, path), content?.bytes.subarray(0, content.size) ?? "", { mode: 0o600 })
  }
}

type IsKept = (index: number) => boolean

/** In order, up to some moment after the last sync of anything. */
function journalling(log: readonly Operation[], { loss, random }: PowerCut): IsKept {
  const synced = log.findLastIndex(({ op }) => op === "sync" || op === "syncDirectory")
  const until = random() < loss ? synced : synced + Math.floor(random() * (log.length - synced + 1))
  return (index) => index <= until
}

/** Each directory for itself: in order, up to some moment after its own last sync. */
function posix(log: readonly Operation[], { loss, random }: PowerCut): IsKept {
  const lost = new Set<number>()
  for (const unsafe of unsafeChanges(log)) {
    const kept = random() < loss ? 0 : Math.floor(random() * (unsafe.length + 1))
    for (const index of unsafe.slice(kept)) lost.add(index)
  }
  return (index) => !lost.has(index)
}

/** What was changed in each place since it was last synced. */
function unsafeChanges(log: readonly Operation[]): Iterable<number[]> {
  const changes = new Map<string, number[]>()
  for (const [index, operation] of log.entries()) {
    if (operation.op === "syncDirectory") changes.delete(operation.path)
    if (operation.op === "sync") changes.delete(sizeOf(operation.file))
    const place = placeOf(operation)
    if (place !== null) changes.set(place, [...(changes.get(place) ?? []), index])
  }
  return changes.values()
}

const sizeOf = (file: number) => `size of ${file}`

/** What must be synced before a change of names, or of a size, is safe. */
function placeOf(operation: Operation): string | null {
  if (operation.op === "truncate") return sizeOf(operation.file)
  if (operation.op === "rename") return parentOf(operation.to)
  if ("path" in operation && operation.op !== "found" && operation.op !== "syncDirectory")
    return parentOf(operation.path)
  return null
}

function parentOf(path: string): string {
  const parent = dirname(path)
  return parent === "." ? "" : parent
}

interface Content {
  bytes: Buffer
  size: number
}

interface Circumstances {
  before: ReadonlyMap<number, string>
  isKept: IsKept
  cut: PowerCut
}

function contentsOf(log: readonly Operation[], dir: string, { before, isKept, cut }: Circumstances) {
  const contents = new Map<number, Content>()
  const isWritten = fatesOf(log, cut)
  const contentOf = (file: number): Content => {
    const known = contents.get(file)
    if (known) return known
    const path = before.get(file)
    const bytes = path === undefined ? Buffer.alloc(0) : fs.readFileSync(join(dir, path))
    const made = { bytes, size: bytes.length }
    contents.set(file, made)
    return made
  }
  for (const [index, operation] of log.entries()) {
    if (operation.op === "truncate" && isKept(index)) resize(contentOf(operation.file), operation.size)
    if (operation.op !== "write") continue
    for (const { from, to, page } of pagesOf(operation))
      if (isWritten(index, operation.file, page))
        put(contentOf(operation.file), operation.bytes.subarray(from, to), operation.at + from)
  }
  return contents
}

type Write = Extract<Operation, { op: "write" }>

function* pagesOf({ at, bytes }: Write): Generator<{ from: number; to: number; page: number }> {
  for (let from = 0; from < bytes.length; ) {
    const page = Math.floor((at + from) / PAGE)
    const to = Math.min(bytes.length, (page + 1) * PAGE - at)
    yield { from, to, page }
    from = to
  }
}

type IsSynced = (index: number, file: number) => boolean

/** For each page with writes that were not synced: how many of them, from the first, it was written back with. */
function fatesOf(log: readonly Operation[], { loss, random }: PowerCut) {
  const synced = new Map<number, number>()
  for (const [index, operation] of log.entries()) if (operation.op === "sync") synced.set(operation.file, index)
  const isSynced: IsSynced = (index, file) => index < (synced.get(file) ?? -1)
  const left = looseWrites(log, isSynced)
  for (const [name, count] of left) left.set(name, random() < loss ? 0 : 1 + Math.floor(random() * count))
  return (index: number, file: number, page: number): boolean => {
    if (isSynced(index, file)) return true
    const name = nameOf(file, page)
    const remaining = left.get(name) ?? 0
    left.set(name, remaining - 1)
    return remaining > 0
  }
}

const nameOf = (file: number, page: number) => `${file}:${page}`

function looseWrites(log: readonly Operation[], isSynced: IsSynced): Map<string, number> {
  const loose = new Map<string, number>()
  for (const [index, operation] of log.entries()) {
    if (operation.op !== "write" || isSynced(index, operation.file)) continue
    for (const { page } of pagesOf(operation)) {
      const name = nameOf(operation.file, page)
      loose.set(name, (loose.get(name) ?? 0) + 1)
    }
  }
  return loose
}

function put(content: Content, bytes: Uint8Array, at: number): void {
  const end = at + bytes.length
  if (end > content.bytes.length) {
    const larger = Buffer.alloc(Math.max(end, content.bytes.length * 2))
    content.bytes.copy(larger, 0, 0, content.size)
    content.bytes = larger
  }
  content.bytes.set(bytes, at)
  content.size = Math.max(content.size, end)
}

function resize(content: Content, size: number): void {
  if (size > content.size) put(content, new Uint8Array(size - content.size), content.size)
  content.bytes.fill(0, size, content.size)
  content.size = size
}

interface Names {
  files: Map<string, number>
  made: Map<string, true>
  gone: Set<string>
}

function namesOf(log: readonly Operation[], isKept: IsKept): Names {
  const names: Names = { files: new Map(), made: new Map(), gone: new Set() }
  for (const [index, operation] of log.entries())
    if (operation.op === "found" || isKept(index)) rename(names, operation)
  return names
}

function rename(names: Names, operation: Operation): void {
  const { files, made, gone } = names
  if (operation.op === "found" || operation.op === "create" || operation.op === "link")
    files.set(operation.path, operation.file)
  if (operation.op === "makeDirectory") made.set(operation.path, true)
  if (operation.op === "remove") {
    forget(names, operation.path)
    gone.add(operation.path)
  }
  if (operation.op !== "rename") return
  if (files.has(operation.path) || made.has(operation.path)) forget(names, operation.to)
  move(files, operation.path, operation.to)
  move(made, operation.path, operation.to)
}

function forget({ files, made }: Names, path: string): void {
  for (const name of within(files.keys(), path)) files.delete(name)
  for (const name of within(made.keys(), path)) made.delete(name)
}

/** Makes `dir`, which is empty, what it was at `at`, with nothing lost, and gives the log that goes on from there. */
export function goOnFrom(log: readonly Operation[], at: number, dir: string): Operation[] {
  applyCut(log, dir, { at, loss: 0, names: "journalling", random: () => 1 - Number.EPSILON })
  const { files } = namesOf(log.slice(0, at), () => true)
  return [...[...files].map(([path, file]) => ({ op: "found" as const, path, file })), ...log.slice(at)]
}

/** Every file of a directory with what it holds, for comparisons. */
export function treeOf(dir: string): Map<string, Buffer> {
  const entries = fs.readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort()
  return new Map(paths.map((path) => [relative(dir, path), fs.readFileSync(path)]))
}
