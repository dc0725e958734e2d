/** Postgres through postgres.js: a pool, prepared statements, and the same row types as PGlite gives. */
import type postgres from "postgres"
import type { Db, Tx } from "./db.ts"
import { loadPostgres } from "./mended-postgres.ts"
import { compile } from "./sql.ts"

const INT8 = 20
const connect = await loadPostgres()
/** Longest pause before another try to connect, in seconds: a database that is back is used again at once. */
const MOST_PAUSE_S = 1

export interface PostgresOptions {
  url: string
  /** Connections of the pool. */
  max?: number
}

export function openPostgres(options: PostgresOptions): Db & { client: postgres.Sql<{ bigint: number }>; url: string } {
  const client = connect(options.url, {
    max: options.max ?? 10,
    idle_timeout: 300,
    max_lifetime: 600,
    connect_timeout: 10,
    backoff: (tries: number) => Math.min(MOST_PAUSE_S, 0.01 * 3 ** tries),
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "vigil" },
    types: { bigint: { to: INT8, from: [INT8], serialize: String, parse: Number } },
  })
  return {
    client,
    url: options.url,
    kind: "postgres",
    ...statements(client),
    // `begin` is typed to unwrap arrays of promises; ours never returns one.
    transaction: <T>(work: (tx: Tx) => Promise<T>) => client.begin((tx) => work(statements(tx))) as Promise<T>,
    script: async (text) => {
      await client.begin((tx) => tx.unsafe(text))
    },
    listen: async (channel, hear) => {
      const subscription = await client.listen(channel, hear)
      return () => subscription.unlisten()
    },
    close: () => client.end({ timeout: 5 }),
  }
}

type Runner = Pick<postgres.TransactionSql<{ bigint: number }>, "unsafe">

function statements(runner: Runner): Tx {
  return {
    async query(statement) {
      const { text, values } = compile(statement)
      return [...(await runner.unsafe(text, values as never[], { prepare: true }))] as never[]
    },
    async raw(text, values = []) {
      return [...(await runner.unsafe(text, values as never[], { prepare: true }))]
    },
  }
}
