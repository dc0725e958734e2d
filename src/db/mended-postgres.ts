/**
 * Mended Postgres: postgres.js 3.4.9 with three places put right as it is loaded, until a release has them. A connection
 * that breaks must fail what was asked on it, and nothing else. As published it can end the entire process
 * (https://github.com/porsager/postgres/issues/1208), leave a statement without an end, or carry the rest of what it was
 * about to send into the next connection, where the next statement then gets the answer of another.
 */
import { registerHooks } from "node:module"
import type Postgres from "postgres"

/** Text of `src/connection.js` and what replaces it; each must be there exactly once. */
const MENDS = [
  [
    "  function nextWrite(fn) {\n",
    `  function nextWrite(fn) {
    if (socket === null) {
      nextWriteTimer !== null && clearImmediate(nextWriteTimer)
      chunk = nextWriteTimer = null
      error(Errors.connection('CONNECTION_CLOSED', options))
      return false
    }
`,
  ],
  [
    "    incomings = null\n    clearImmediate(nextWriteTimer)\n",
    "    incomings = null\n    clearImmediate(nextWriteTimer)\n    chunk = nextWriteTimer = null\n",
  ],
  [
    "    socket = null\n\n    if (initial)\n",
    `    socket = null

    const lost = Errors.connection('CONNECTION_CLOSED', options)
    query && queryError(query, errorResponse || lost)
    while (sent.length)
      queryError(sent.shift(), lost)
    query = results = errorResponse = null
    result = new Result()
    rows = 0

    if (initial)
`,
  ],
] as const

/** Marks the mended copy, which is another module than one that somebody else may have loaded before. */
const MARK = "?mended"

export async function loadPostgres(): Promise<typeof Postgres> {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context)
      return /\/node_modules\/postgres\/src\/\w+\.js$/.test(found.url)
        ? { ...found, url: `${found.url}${MARK}` }
        : found
    },
    load(url, context, next) {
      const loaded = next(url, context)
      return url.endsWith(`/src/connection.js${MARK}`) ? { ...loaded, source: mended(String(loaded.source)) } : loaded
    },
  })
  try {
    return (await import("postgres")).default
  } finally {
    hooks.deregister()
  }
}

function mended(source: string): string {
  return MENDS.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2)
      throw new Error(
        "postgres.js is another version than mended-postgres.ts knows: see whether it still needs mending",
      )
    return text.replace(from, () => to)
  }, source)
}
