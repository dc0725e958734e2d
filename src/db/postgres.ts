/**
 * Postgres through postgres.js: a pool, prepared statements, and the same row types as PGlite gives.
 * P1 A driver without the patches of `patches/` is refused: it can end the process, or answer one statement with another's rows.
 * P2 After a transaction ended, however it ended, nothing that it asks is done: its connection is somebody else's by then.
 * P3 Whoever waits for a statement of a transaction that lost its connection is told so.
 */
import { join } from "node:path"
import connect from "postgres"
import { Misconfigured } from "../base/errors.ts"
import { isPatched } from "../patched.js"
import type { Db, Tx } from "./db.ts"
import { parameter, TYPES } from "./postgres-types.ts"
import { compile } from "./sql.ts"

/** Longest pause before another try to connect, in seconds: a database that is back is used again at once. */
const MOST_PAUSE_S = 1
/** Ten for our own statements and three for pg-boss, which shares the pool. */
const CONNECTIONS = 13
/**
 * What the driver's types do not know. No end to what waits on one connection: the driver sends a `begin` that comes at that
 * end, but sets no connection apart for its transaction (https://github.com/porsager/postgres/issues/1189).
 */
const UNTYPED = { max_pipeline: Number.MAX_SAFE_INTEGER }
const ROOT = join(import.meta.dirname, "../..")

type Client = connect.Sql<{ bigint: number }>

export interface PostgresOptions {
  url: string
  /** Connections of the pool. */
  max?: number
}

export type OpenPostgres = Db & { client: Client; url: string }

/** Throws `Misconfigured` (`driver_unpatched`) when the driver was installed without its patches. */
export function openPostgres(options: PostgresOptions): OpenPostgres {
  const client = connectTo(options.url, {
    max: options.max ?? CONNECTIONS,
    idle_timeout: 300,
    max_lifetime: 600,
    connect_timeout: 10,
    backoff: (tries: number) => Math.min(MOST_PAUSE_S, 0.01 * 3 ** tries),
    connection: { application_name: "vigil" },
  })
  return {
    client,
    url: options.url,
    kind: "postgres",
    ...statements(client),
    transaction: (work) => transaction(client, work),
    script: async (text) => {
      await transaction(client, (tx) => tx.raw(text))
    },
    listen: async (channel, hear) => {
      const subscription = await client.listen(channel, hear)
      return () => subscription.unlisten()
    },
    close: () => client.end({ timeout: 5 }),
  }
}

/** The driver itself, with our types; what it throws for a missing patch see `openPostgres`. */
export function connectTo(url: string, options: connect.Options<Record<string, connect.PostgresType>>): Client {
  // P1
  if (!isPatched(ROOT)) {
    throw new Misconfigured("the Postgres driver was installed without Vigil's patches", {
      code: "driver_unpatched",
      fix: "run: npm ci (without --ignore-scripts)",
    })
  }
  return connect(url, {
    ...UNTYPED,
    fetch_types: false,
    onnotice: () => {},
    ...options,
    types: TYPES,
  })
}

async function transaction<T>(client: Client, work: (tx: Tx) => Promise<T>): Promise<T> {
  const over = Promise.withResolvers<never>()
  over.promise.catch(() => {})
  let isOver = false
  const end = (error: unknown) => {
    isOver = true
    over.reject(error)
  }
  const begun = client.begin(async (tx) => {
    try {
      return await work(limited(statements(tx), over.promise, () => isOver))
    } finally {
      // P2: the driver would send its own commit or rollback next.
      if (isOver) await new Promise(() => {})
    }
  })
  try {
    // `begin` is typed to unwrap arrays of promises; ours never returns one.
    return (await begun) as T
  } catch (error) {
    end(error)
    throw error
  } finally {
    end(new Error("the transaction is over"))
  }
}

/** P2, P3: `tx` until `isOver`; whoever waits then gets what `over` rejects with. */
function limited(tx: Tx, over: Promise<never>, isOver: () => boolean): Tx {
  return {
    query: (statement) => (isOver() ? over : Promise.race([tx.query<never>(statement), over])),
    raw: (text, values) => (isOver() ? over : Promise.race([tx.raw(text, values), over])),
  }
}

function statements(runner: Pick<connect.TransactionSql<{ bigint: number }>, "unsafe">): Tx {
  return {
    async query(statement) {
      const { text, values } = compile(statement)
      return [...(await runner.unsafe(text, values as never[], { prepare: true }))] as never[]
    },
    async raw(text, values = []) {
      const answer = await runner.unsafe(text, values.map(parameter) as never[], { prepare: true })
      // Several statements are answered one by one.
      return Array.isArray(answer[0]) ? answer.flat() : [...answer]
    },
  }
}
