/**
 * Settings: which server the command line talks to and with which token. It needs few variables and complains about those
 * only: the others are the server's. The token of this machine's server is never sent to another machine.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { codeOf, Misconfigured } from "../base/errors.ts"
import { type Environment, isLoopback, readConfig } from "../config/config.ts"

const NEEDED = ["PORT", "DATA_DIR", "VIGIL_URL", "VIGIL_TOKEN"] as const

export interface Settings {
  /** Without a slash at its end. */
  url: string
  /** Whether the server is this machine's own. */
  isLocal: boolean
  /** Bearer token; undefined when the local server has made none yet. */
  token: string | undefined
  dataDir: string
}

/** Throws `InvalidConfig`, or `Misconfigured` when there is no token for a server elsewhere. */
export function readSettings(env: Environment): Settings {
  const config = readConfig(Object.fromEntries(NEEDED.map((name) => [name, env[name]])))
  const url = config.VIGIL_URL ?? `http://${reachable(env.HOST)}:${config.PORT}`
  const isLocal = config.VIGIL_URL === undefined || isLoopback(new URL(url).hostname.replaceAll(/[[\]]/g, ""))
  if (!isLocal && config.VIGIL_TOKEN === undefined) {
    throw new Misconfigured(`VIGIL_URL is ${url}, and VIGIL_TOKEN is not set`, {
      code: "no_token",
      fix: "set VIGIL_TOKEN to that server's token (its VIGIL_TOKEN, or the file token in its DATA_DIR)",
    })
  }
  return { url, isLocal, token: config.VIGIL_TOKEN ?? readToken(config.DATA_DIR), dataDir: config.DATA_DIR }
}

/** An address to connect to, for one to listen on: "all addresses" is none. */
function reachable(host: string | undefined): string {
  if (!host || host === "0.0.0.0" || host === "::") return "127.0.0.1"
  return host.includes(":") ? `[${host}]` : host
}

function readToken(dataDir: string): string | undefined {
  const path = join(dataDir, "token")
  try {
    return readFileSync(path, "utf8").trim() || undefined
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw new Misconfigured(`${path} cannot be read (${codeOf(error)})`, {
      code: "token_unreadable",
      fix: "run this as the user that runs the server, or set VIGIL_TOKEN",
      cause: error,
    })
  }
}
