/**
 * Disk: a log of everything that PGlite does to its directory, and the disk as it would be found after the power went at
 * some moment: what was written and not yet synced may be there, or not, page by page. Names, sizes and creations are
 * taken as durable in their order, as on a journalling file system.
 */
import fs from "node:fs"
import { join, relative } from "node:path"

const PAGE = 8192
const SECTOR = 4096
const O_CREAT = fs.constants.O_CREAT
const O_TRUNC = fs.constants.O_TRUNC

type Operation =
  | { op: "write"; path: string; inode: number; at: number; bytes: Uint8Array }
  | { op: "sync"; inode: number }
  | { op: "create" | "truncate"; path: string; size: number }
  | { op: "rename"; path: string; to: string }
  | { op: "unlink" | "mkdir" | "rmdir"; path: string }
  /** Something was acknowledged to the outside by now. */
  | { op: "mark"; name: string }

export interface Recording {
  log: Operation[]
  /** For `openPglite`: the real fsync, noted. */
  fsync(fd: number): void
  mark(name: string): void
  /** Puts the functions of `node:fs` back. */
  stop(): void
}

/** PGlite's file system calls these functions as properties of `node:fs`, so that replacing them sees every call. */
const WATCHED = [
  "openSync",
  "closeSync",
  "writeSync",
  "writeFileSync",
  "truncateSync",
  "ftruncateSync",
  "renameSync",
  "unlinkSync",
  "mkdirSync",
  "rmdirSync",
] as const

export function recordDisk(dir: string): Recording {
  const log: Operation[] = []
  const files = new Map<number, { path: string; inode: number }>()
  const real = Object.fromEntries(WATCHED.map((name) => [name, fs[name]])) as Pick<typeof fs, (typeof WATCHED)[number]>
  const inside = (path: unknown): string | null => {
    const name = typeof path === "string" ? relative(dir, path) : ".."
    return name.startsWith("..") ? null : name
  }
  const noted = (path: unknown, make: (name: string) => Operation) => {
    const name = inside(path)
    if (name !== null) log.push(make(name))
  }
  const replaced: Partial<Record<(typeof WATCHED)[number], unknown>> = {
    openSync(path: string, flags: number, mode?: number) {
      const existed = fs.existsSync(path)
      const fd = real.openSync(path, flags, mode)
      const name = inside(path)
      if (name === null) return fd
      files.set(fd, { path: name, inode: fs.fstatSync(fd).ino })
      if (!existed && flags & O_CREAT) log.push({ op: "create", path: name, size: 0 })
      if (existed && flags & O_TRUNC) log.push({ op: "truncate", path: name, size: 0 })
      return fd
    },
    closeSync(fd: number) {
      files.delete(fd)
      real.closeSync(fd)
    },
    writeSync(fd: number, bytes: Uint8Array, offset: number, length: number, position: number) {
      const written = real.writeSync(fd, bytes, offset, length, position)
      const file = files.get(fd)
      const copy = () =>
        new Uint8Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + written))
      if (file) log.push({ op: "write", ...file, at: position, bytes: copy() })
      return written
    },
    writeFileSync(path: string, data: string, options: object) {
      real.writeFileSync(path, data, options)
      noted(path, (name) => ({ op: "create", path: name, size: 0 }))
    },
    truncateSync(path: string, size = 0) {
      real.truncateSync(path, size)
      noted(path, (name) => ({ op: "truncate", path: name, size }))
    },
    ftruncateSync(fd: number, size = 0) {
      real.ftruncateSync(fd, size)
      const file = files.get(fd)
      if (file) log.push({ op: "truncate", path: file.path, size })
    },
    renameSync(from: string, to: string) {
      real.renameSync(from, to)
      noted(from, (path) => ({ op: "rename", path, to: relative(dir, to) }))
    },
    unlinkSync(path: string) {
      real.unlinkSync(path)
      noted(path, (name) => ({ op: "unlink", path: name }))
    },
    mkdirSync(path: string, options?: object) {
      noted(path, (name) => ({ op: "mkdir", path: name }))
      return real.mkdirSync(path, options)
    },
    rmdirSync(path: string) {
      real.rmdirSync(path)
      noted(path, (name) => ({ op: "rmdir", path: name }))
    },
  }
  Object.assign(fs, replaced)
  return {
    log,
    fsync(fd) {
      fs.fsyncSync(fd)
      const file = files.get(fd)
      if (file) log.push({ op: "sync", inode: file.inode })
    },
    mark: (name) => void log.push({ op: "mark", name }),
    stop: () => void Object.assign(fs, real),
  }
}

export interface PowerCut {
  /** The operations before this one were done. */
  at: number
  /** How likely a page that was not synced is lost, 0 to 1. */
  loss: number
  random: () => number
}

/** Turns a copy of the directory as it was before the recording into what is found after the cut. */
export function replay(log: readonly Operation[], dir: string, { at, loss, random }: PowerCut): void {
  const synced = lastSyncs(log.slice(0, at))
  for (const [index, operation] of log.slice(0, at).entries()) {
    if (operation.op !== "write") apply(operation, dir)
    else if (index < (synced.get(operation.inode) ?? -1)) write(operation, dir, () => "whole")
    else write(operation, dir, () => fateOf(loss, random))
  }
}

/** What was acknowledged before the cut. */
export function marksBefore(log: readonly Operation[], at: number): string[] {
  return log.slice(0, at).flatMap((operation) => (operation.op === "mark" ? [operation.name] : []))
}

function lastSyncs(log: readonly Operation[]): Map<number, number> {
  return new Map(
    log.flatMap((operation, index) => (operation.op === "sync" ? [[operation.inode, index] as const] : [])),
  )
}

type Fate = "whole" | "lost" | "torn"

/** One page in ten that is not lost is torn: only one of its sectors was written. */
function fateOf(loss: number, random: () => number): Fate {
  if (random() < loss) return "lost"
  return random() < 0.1 ? "torn" : "whole"
}

function write(operation: Extract<Operation, { op: "write" }>, dir: string, fate: () => Fate): void {
  const fd = fs.openSync(join(dir, operation.path), "r+")
  try {
    for (let from = 0; from < operation.bytes.length; ) {
      const position = operation.at + from
      const end = Math.min(operation.bytes.length, from + PAGE - (position % PAGE))
      const became = fate()
      const until = became === "torn" ? Math.min(end, from + SECTOR) : end
      if (became !== "lost") fs.writeSync(fd, operation.bytes, from, until - from, position)
      from = end
    }
  } finally {
    fs.closeSync(fd)
  }
}

function apply(operation: Exclude<Operation, { op: "write" }>, dir: string): void {
  if (operation.op === "mark" || operation.op === "sync") return
  const path = join(dir, operation.path)
  if (operation.op === "create") fs.writeFileSync(path, "")
  if (operation.op === "truncate") fs.truncateSync(path, operation.size)
  if (operation.op === "rename") fs.renameSync(path, join(dir, operation.to))
  if (operation.op === "unlink") fs.rmSync(path, { force: true })
  if (operation.op === "mkdir") fs.mkdirSync(path, { recursive: true })
  if (operation.op === "rmdir") fs.rmdirSync(path)
}
