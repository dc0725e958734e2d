/**
 * Mended Postgres: postgres.js 3.4.9 put right in six places as it is loaded, until a release has them. A connection
 * that breaks must fail what was asked on it, and nothing else. As published it can end the entire process
 * (https://github.com/porsager/postgres/issues/1208), leave a statement without an end, carry the rest of what it was
 * about to send into the next connection, where the next statement then gets the answer of another, or do what a broken
 * transaction asks later (even its `rollback`) inside the transaction that has the connection by then. And its list of free
 * connections keeps a hole for every statement there ever was, which are looked through at each statement.
 */
import { registerHooks } from "node:module"
import { basename } from "node:path"
import type Postgres from "postgres"

/** Text of each source and what replaces it; each must be there exactly once. */
const MENDS: Record<string, [from: string, to: string][]> = {
  "connection.js": [
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
  ],
  "queue.js": [
    [
      "      } else {\n        xs[index - 1] = undefined\n",
      `      } else if (index === 64) {
        xs.splice(0, index)
        index = 0
      } else {
        xs[index - 1] = undefined
`,
    ],
  ],
  "index.js": [
    [
      "new Promise((_, reject) => connection.onclose = reject)",
      `new Promise((_, reject) => connection.onclose = error => {
          lost = error
          while (queries.length)
            queries.shift().reject(error)
          reject(error)
        })`,
    ],
    [
      "        q.catch(e => uncaughtError || (uncaughtError = e))\n",
      `        q.catch(e => uncaughtError || (uncaughtError = e))
        if (lost)
          return q.reject(lost)
`,
    ],
    [
      "    let savepoints = 0\n      , connection\n",
      "    let savepoints = 0\n      , lost = null\n      , connection\n",
    ],
  ],
}

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
      const mends = url.endsWith(MARK) ? MENDS[basename(url, MARK)] : undefined
      return mends ? { ...loaded, source: mended(String(loaded.source), mends) } : loaded
    },
  })
  try {
    return (await import("postgres")).default
  } finally {
    hooks.deregister()
  }
}

function mended(source: string, mends: [from: string, to: string][]): string {
  return mends.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2)
      throw new Error(
        "postgres.js is another version than mended-postgres.ts knows: see whether it still needs mending",
      )
    return text.replace(from, () => to)
  }, source)
}
