/**
 * PGlite, opened so that neither a killed process nor a pulled plug loses a commit. Stock PGlite passes `-F` and maps
 * fsync to nothing; here fsync reaches the host's disk, and buffers are small. One connection: statements queue.
 */
import { closeSync, existsSync, fsyncSync, openSync } from "node:fs"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { PGlite, type Transaction, types } from "@electric-sql/pglite"
import { NodeFS } from "@electric-sql/pglite/nodefs"
import { vector } from "@electric-sql/pglite-pgvector"
import { messageOf } from "../../base/errors.ts"
import type { Db, Tx } from "../db.ts"
import { compile } from "../sql.ts"
import { createPrepared, type Prepared, type WireSession } from "./prepared.ts"

export type FsyncHook = (fd: number) => void

export interface PgliteOptions {
  /** A directory; or nothing, for a database in memory (tests). */
  dir?: string
  /** An image made by `PGlite.dumpDataDir`, to start from instead of an empty database. */
  image?: Blob
  /** Replaces fsync(2); tests count or drop the calls. */
  fsync?: FsyncHook
}

const SETTINGS = [
  "wal_sync_method=fsync",
  "shared_buffers=16MB",
  "max_connections=5",
  "wal_buffers=1MB",
  "plan_cache_mode=force_generic_plan",
  "jit=off",
]

/** Whether `dir` already holds a database. */
export function isInitialised(dir: string): boolean {
  return existsSync(join(dir, "PG_VERSION"))
}

export async function openPglite(options: PgliteOptions): Promise<Db & { pglite: PGlite }> {
  const durable = PGlite.defaultStartParams.filter((param) => param !== "-F")
  const pglite = await PGlite.create({
    extensions: { vector },
    parsers: { [types.INT8]: Number },
    startParams: [...(options.dir ? durable : PGlite.defaultStartParams), ...SETTINGS.flatMap((s) => ["-c", s])],
    ...(options.dir ? { fs: durableFs(options.dir, options.fsync ?? fsyncSync) } : {}),
    ...(options.image ? { loadDataDir: options.image } : {}),
  })
  return { ...surface(pglite), pglite }
}

interface EmscriptenStream {
  nfd?: number
  node?: unknown
}

interface Nodefs {
  stream_ops: { fsync?: (stream: EmscriptenStream) => number }
  node_ops: {
    mknod(parent: unknown, ...rest: unknown[]): unknown
    rename(node: unknown, parent: unknown, name: string): unknown
  }
  realPath(node: unknown): string
}

interface EmscriptenFs {
  FS: { filesystems: { NODEFS: Nodefs } }
}

/** NodeFS whose fsync is the host's. Directories have no descriptor of their own there: opened, synced, closed by path. */
function durableFs(dir: string, fsync: FsyncHook): NodeFS {
  const fs = new NodeFS(dir)
  const init = fs.init.bind(fs)
  fs.init = async (pg, opts) => {
    const made = await init(pg, opts)
    // Emscripten's module type does not name its file systems; their shape is checked by the test that counts fsyncs.
    const hook = (module: unknown) => {
      const nodefs = (module as EmscriptenFs).FS.filesystems.NODEFS
      const syncNames = watchNames(nodefs, fsync)
      nodefs.stream_ops.fsync = (stream) => {
        try {
          if (stream.nfd !== undefined) fsync(stream.nfd)
          else syncDirectory(nodefs.realPath(stream.node), fsync)
          syncNames()
        } catch (error) {
          diskFailed(error)
        }
        return 0
      }
    }
    made.emscriptenOpts.preRun = [...(made.emscriptenOpts.preRun ?? []), hook]
    return made
  }
  return fs
}

/**
 * Postgres syncs the tables it made, not the directory with their names, and trusts the file system to keep both; not all do.
 * Here whatever is synced takes the names made before it along, as on a journalling file system.
 */
function watchNames(nodefs: Nodefs, fsync: FsyncHook): () => void {
  const changed = new Set<string>()
  const { mknod, rename } = nodefs.node_ops
  nodefs.node_ops.mknod = (parent, ...rest) => {
    changed.add(nodefs.realPath(parent))
    return mknod(parent, ...rest)
  }
  nodefs.node_ops.rename = (node, parent, name) => {
    changed.add(nodefs.realPath(parent))
    return rename(node, parent, name)
  }
  return () => {
    for (const path of changed) {
      changed.delete(path)
      if (existsSync(path)) syncDirectory(path, fsync)
    }
  }
}

/**
 * After a failed fsync nobody knows what the disk has, and asking again would lie (https://wiki.postgresql.org/wiki/Fsync_Errors).
 * Postgres panics then; inside WebAssembly a panic hangs, so the process ends instead, and recovers when it is started again.
 */
function diskFailed(error: unknown): never {
  process.stderr.write(`vigil: the disk could not keep the database (fsync: ${messageOf(error)})\n`)
  process.exit(1)
}

function syncDirectory(path: string, fsync: FsyncHook): void {
  const fd = openSync(path, "r")
  try {
    fsync(fd)
  } finally {
    closeSync(fd)
  }
}

function statements(prepared: Prepared, session: WireSession): Tx {
  return {
    query: async (statement) => {
      const { text, values } = compile(statement)
      // The caller of `query` states the row type from the statement it wrote.
      return (await prepared.run(session, text, values)) as never[]
    },
    raw: (text, values = []) => prepared.run(session, text, values),
  }
}

/** After so many milliseconds of statements the rest of the process gets a turn. */
const BREATH_MS = 10

/**
 * One after the other, in order. PGlite works on this very thread and hands on without leaving it: while a queue of statements
 * lasted, nothing else would be heard, no timer would fire, and nobody could be told to come back later.
 */
function createLine(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  let breathed = performance.now()
  return (work) => {
    const turn = last.then(async () => {
      if (performance.now() - breathed > BREATH_MS) {
        await setImmediate()
        breathed = performance.now()
      }
      return await work()
    })
    last = turn.catch(() => {})
    return turn
  }
}

/** Who listens, for what comes with the answers that PGlite does not read itself. */
function createListeners() {
  const listeners = new Map<string, Set<(payload: string) => void>>()
  return {
    add(channel: string, hear: (payload: string) => void): () => void {
      const set = listeners.get(channel) ?? new Set()
      listeners.set(channel, set.add(hear))
      return () => void set.delete(hear)
    },
    hear(channel: string, payload: string): void {
      for (const listener of listeners.get(channel) ?? []) queueMicrotask(() => listener(payload))
    },
  }
}

function surface(pglite: PGlite): Db {
  const listeners = createListeners()
  const prepared = createPrepared({ parsers: pglite.parsers, hear: listeners.hear })
  // Between those of pg-boss; that no transaction is open but the caller's own, the line sees to.
  const say: WireSession["say"] = (message) =>
    pglite.runExclusive(async () => {
      if (!pglite.ready) throw new Error("PGlite is closed")
      const parts: Buffer[] = []
      // Each part lies in the database's own memory, which the next one takes.
      await pglite.execProtocolRawStream(message, { onRawData: (part) => void parts.push(Buffer.from(part)) })
      return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
    })
  const on = (session: Pick<Transaction, "query"> & { closed: boolean }) =>
    statements(prepared, {
      query: (text, values) => session.query(text, values),
      async say(message) {
        // What comes late to a transaction would be a commit of its own.
        if (session.closed) throw new Error("the transaction, or the database, is closed")
        return say(message)
      },
    })
  const direct = on(pglite)
  const inLine = createLine()
  return {
    kind: "pglite",
    query: (statement) => inLine(() => direct.query(statement)),
    raw: (text, values) => inLine(() => direct.raw(text, values)),
    transaction: (work) => inLine(() => pglite.transaction((tx) => work(on(tx)))),
    script: async (text) => {
      await inLine(() => pglite.exec(text))
    },
    async listen(channel, hear) {
      const unsubscribe = listeners.add(channel, hear)
      const unlisten = await pglite.listen(channel, hear)
      return async () => {
        unsubscribe()
        await unlisten()
      }
    },
    close: () => pglite.close(),
  }
}
