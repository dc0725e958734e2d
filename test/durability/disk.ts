/**
 * Disk: a log of everything that this process does to one directory, whoever does it (PGlite, or the product itself). Files
 * have numbers of their own, so that a name is one thing and what it holds another: a power cut can take either.
 */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { join, relative } from "node:path"

const { O_CREAT, O_TRUNC } = fs.constants

/** Paths are relative to the directory. */
export type Operation =
  /** A file that was there before the recording, when it is first met. */
  | { op: "found"; path: string; file: number }
  | { op: "create"; path: string; file: number }
  | { op: "write"; file: number; at: number; bytes: Uint8Array }
  | { op: "truncate"; file: number; size: number }
  | { op: "sync"; file: number }
  | { op: "syncDirectory"; path: string }
  | { op: "link"; path: string; file: number }
  | { op: "rename"; path: string; to: string }
  /** Of a file, or of a directory with all that is in it. */
  | { op: "remove"; path: string }
  | { op: "makeDirectory"; path: string }
  /** Something was acknowledged to the outside by now. */
  | { op: "mark"; name: string }

export interface Recording {
  log: Operation[]
  mark(name: string): void
  /** Puts the functions of `node:fs` back. */
  stop(): void
}

export interface RecordOptions {
  /** False: fsync does nothing, as PGlite comes. */
  syncs?: boolean
}

interface Descriptor {
  file: number
  position: number
}

type Data = string | Uint8Array
type Flags = fs.OpenMode | undefined

/** Replaces functions of `node:fs`, for those who call them as properties and for those who imported them by name. */
export function recordDisk(dir: string, { syncs = true }: RecordOptions = {}): Recording {
  const log: Operation[] = []
  const names = createNames(log)
  const open = new Map<number, Descriptor>()
  const real = { ...fs }
  const inside = (path: unknown): string | null => {
    if (typeof path !== "string") return null
    const name = relative(dir, path)
    return name.startsWith("..") ? null : name
  }

  function created(path: string, existed: boolean): number {
    return existed ? names.of(path) : names.create(path)
  }
  function wrote(descriptor: Descriptor, data: Data, at: unknown): void {
    const bytes = typeof data === "string" ? Buffer.from(data) : new Uint8Array(data)
    const position = typeof at === "number" ? at : descriptor.position
    log.push({ op: "write", file: descriptor.file, at: position, bytes })
    if (typeof at !== "number") descriptor.position += bytes.length
  }
  function synced(fd: number): void {
    const path = inside(real.readlinkSync(`/proc/self/fd/${fd}`))
    const file = open.get(fd)?.file
    if (file !== undefined) log.push({ op: "sync", file })
    else if (path !== null) log.push({ op: "syncDirectory", path })
  }

  const replaced = {
    openSync(path: string, flags?: Flags, mode?: number) {
      const name = inside(path)
      const existed = name !== null && real.existsSync(path)
      const fd = real.openSync(path, flags ?? "r", mode)
      if (name === null || real.fstatSync(fd).isDirectory()) return fd
      const { creates, empties } = intentOf(flags)
      const file = created(name, existed || !creates)
      if (existed && empties) log.push({ op: "truncate", file, size: 0 })
      open.set(fd, { file, position: 0 })
      return fd
    },
    closeSync(fd: number) {
      open.delete(fd)
      real.closeSync(fd)
    },
    writeSync(fd: number, data: Data, offset?: number, length?: number, position?: number) {
      const descriptor = open.get(fd)
      if (typeof data === "string") {
        const written = real.writeSync(fd, data)
        if (descriptor) wrote(descriptor, data, null)
        return written
      }
      const written = real.writeSync(fd, data, offset, length, position)
      const from = offset ?? 0
      if (descriptor) wrote(descriptor, data.slice(from, from + written), position)
      return written
    },
    writeFileSync(path: string, data: Data, options?: object) {
      const name = inside(path)
      const existed = name !== null && real.existsSync(path)
      real.writeFileSync(path, data, options)
      if (name === null) return
      const file = created(name, existed)
      if (existed) log.push({ op: "truncate", file, size: 0 })
      if (data.length > 0) wrote({ file, position: 0 }, data, 0)
    },
    truncateSync(path: string, size = 0) {
      real.truncateSync(path, size)
      const name = inside(path)
      if (name !== null) log.push({ op: "truncate", file: names.of(name), size })
    },
    ftruncateSync(fd: number, size = 0) {
      real.ftruncateSync(fd, size)
      const descriptor = open.get(fd)
      if (descriptor) log.push({ op: "truncate", file: descriptor.file, size })
    },
    renameSync(from: string, to: string) {
      real.renameSync(from, to)
      const name = inside(from)
      if (name !== null) names.rename(name, relative(dir, to))
    },
    linkSync(from: string, to: string) {
      real.linkSync(from, to)
      const name = inside(from)
      if (name !== null) names.link(name, relative(dir, to))
    },
    unlinkSync(path: string) {
      real.unlinkSync(path)
      names.remove(inside(path))
    },
    rmSync(path: string, options?: object) {
      const existed = real.existsSync(path)
      real.rmSync(path, options)
      if (existed) names.remove(inside(path))
    },
    rmdirSync(path: string) {
      real.rmdirSync(path)
      names.remove(inside(path))
    },
    mkdirSync(path: string, options?: object) {
      const missing = inside(path) !== null && !real.existsSync(path)
      const made = real.mkdirSync(path, options)
      if (missing) log.push({ op: "makeDirectory", path: relative(dir, path) })
      return made
    },
    fsyncSync(fd: number) {
      if (!syncs) return
      real.fsyncSync(fd)
      synced(fd)
    },
    fdatasyncSync(fd: number) {
      if (!syncs) return
      real.fdatasyncSync(fd)
      synced(fd)
    },
  }
  Object.assign(fs, replaced)
  syncBuiltinESMExports()
  return {
    log,
    mark: (name) => void log.push({ op: "mark", name }),
    stop() {
      for (const name of Object.keys(replaced)) Object.assign(fs, { [name]: Reflect.get(real, name) })
      syncBuiltinESMExports()
    },
  }
}

function intentOf(flags: Flags): { creates: boolean; empties: boolean } {
  if (typeof flags === "number") return { creates: (flags & O_CREAT) !== 0, empties: (flags & O_TRUNC) !== 0 }
  return { creates: /[wa]/.test(flags ?? "r"), empties: (flags ?? "r").includes("w") }
}

/** Which file each name means now. */
function createNames(log: Operation[]) {
  const files = new Map<string, number>()
  let last = 0
  const of = (path: string): number => {
    const known = files.get(path)
    if (known !== undefined) return known
    log.push({ op: "found", path, file: ++last })
    files.set(path, last)
    return last
  }
  return {
    of,
    create(path: string): number {
      log.push({ op: "create", path, file: ++last })
      files.set(path, last)
      return last
    },
    link(from: string, path: string): void {
      const file = of(from)
      log.push({ op: "link", path, file })
      files.set(path, file)
    },
    rename(path: string, to: string): void {
      log.push({ op: "rename", path, to })
      move(files, path, to)
    },
    remove(path: string | null): void {
      if (path === null) return
      log.push({ op: "remove", path })
      for (const name of within(files.keys(), path)) files.delete(name)
    },
  }
}

/** `path` itself, and what is in it when it is a directory. */
export function within(names: Iterable<string>, path: string): string[] {
  return [...names].filter((name) => name === path || name.startsWith(`${path}/`))
}

/** Gives what is called `from`, and what is in it, the name `to`. */
export function move<T>(names: Map<string, T>, from: string, to: string): void {
  for (const name of within(names.keys(), from)) {
    const value = names.get(name)
    names.delete(name)
    if (value !== undefined) names.set(join(to, relative(from, name)), value)
  }
}

/** What was acknowledged before the cut. */
export function marksBefore(log: readonly Operation[], at: number): string[] {
  return log.slice(0, at).flatMap((operation) => (operation.op === "mark" ? [operation.name] : []))
}
