/** Product: the whole product in this process on the embedded database of a directory, opened as `npm start` opens it. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { startApp } from "../../../src/app/app.ts"
import type { Clock } from "../../../src/base/clock.ts"
import type { Fields } from "../../../src/base/log.ts"
import { openDb } from "../../../src/db/open.ts"

/** Where its stand-ins listen. */
export interface Outside {
  model: string
  github: { url: string; token: string }
}

export const REPO = "octo/demo"
export const GITHUB_SECRET = "github-secret-0123456789"

export interface Product {
  app: Awaited<ReturnType<typeof startApp>>
  /** The token in its data directory. */
  token: string
  /** What it logged as wrong. */
  errors: string[]
  stop(): Promise<void>
}

/** Nothing is set that the product can make for itself: neither a master key nor a token. */
function environment(dir: string, { model, github }: Outside): Record<string, string> {
  return {
    HOST: "127.0.0.1",
    PORT: "0",
    DATA_DIR: dir,
    PUBLIC_URL: "http://vigil.test",
    OWNER_TIMEZONE: "Europe/Lisbon",
    OPENAI_BASE_URL: `${model}/v1`,
    OPENAI_API_KEY: "a-key-of-the-test",
    VIGIL_MODEL: "errands",
    VIGIL_EMBEDDING_MODEL: "letters",
    VIGIL_PROBE_LOCAL: "0",
    VIGIL_SEND_PACE: "off",
    GITHUB_TOKEN: github.token,
    GITHUB_API_URL: github.url,
    GITHUB_WEBHOOK_SECRET: GITHUB_SECRET,
    GITHUB_REPOS: REPO,
    DAILY_BUDGET_USD: "100",
  }
}

export function openProductDb(dir: string): ReturnType<typeof openDb> {
  return openDb({ dataDir: dir, now: new Date() })
}

/** @param db of `openProductDb`. */
export async function startProduct(
  dir: string,
  { db, outside, clock }: { db: Awaited<ReturnType<typeof openDb>>; outside: Outside; clock?: Clock },
): Promise<Product> {
  const errors: string[] = []
  const quiet = () => {}
  const keep = (event: string, { error }: Fields = {}) => void errors.push(`${event} ${String(error ?? "")}`)
  const log = { debug: quiet, info: quiet, warn: quiet, error: keep }
  const app = await startApp({ env: environment(dir, outside), role: "all", db, log, ...(clock ? { clock } : {}) })
  return {
    app,
    token: readFileSync(join(dir, "token"), "utf8").trim(),
    errors,
    stop: () => app.stop(2000),
  }
}

/** JSON of the owner's API; throws for any status but 2xx. */
export async function ask(
  { app, token }: Pick<Product, "app" | "token">,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<unknown> {
  const answer = await fetch(`${app.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(40_000),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text.slice(0, 300)}`)
  return JSON.parse(text)
}
