/** The real `vigil` command as a child process, and a stand-in for the server it talks to. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { type Answer, type ReceivedRequest, type StandIn, startStandIn } from "../support/stand-in.ts"

const VIGIL = join(import.meta.dirname, "../../src/cli/vigil.js")

export const TOKEN = "t".repeat(40)

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface Given {
  env?: Record<string, string>
  /** What comes on standard input; it is closed after it. */
  input?: string
}

/** Starts `vigil` with an environment of its own: PATH, and what is given. */
export function startVigil(args: string[], env: Record<string, string> = {}) {
  return spawn(process.execPath, [VIGIL, ...args], {
    env: { PATH: process.env.PATH, HOME: "/nonexistent", DATA_DIR: "/nonexistent", ...env },
    stdio: "pipe",
  })
}

export async function vigil(args: string[], { env = {}, input = "" }: Given = {}): Promise<Ended> {
  const child = startVigil(args, env)
  const ended: Ended = { code: null, stdout: "", stderr: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    ended.stdout += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    ended.stderr += text
  })
  child.stdin.on("error", () => {})
  child.stdin.end(input)
  await once(child, "close")
  return { ...ended, code: child.exitCode }
}

export type Routes = Record<string, (asked: ReceivedRequest) => Answer | Promise<Answer>>

/** A server that lets the owner's token in, and answers the given `METHOD /path`s; `stranger` is the answer to all others. */
export async function startServer(
  routes: Routes,
  stranger = () => refused(401, "unauthorized", "this is for the owner"),
): Promise<StandIn & { env: Record<string, string> }> {
  const server = await startStandIn((asked) => {
    const route = routes[`${asked.method} ${asked.url.pathname}`]
    if (asked.url.pathname.startsWith("/api/") && asked.headers.authorization !== `Bearer ${TOKEN}`) {
      return stranger()
    }
    return route ? route(asked) : refused(404, "not_found", "there is nothing here")
  })
  return { ...server, env: { VIGIL_URL: server.url, VIGIL_TOKEN: TOKEN } }
}

/** A port where nothing listens. */
export async function freePort(): Promise<string> {
  const { url, stop } = await startStandIn(() => ({ status: 404 }))
  await stop()
  return new URL(url).port
}

export function refused(status: number, code: string, message: string, fix?: string): Answer {
  return { status, body: { error: { code, message, ...(fix === undefined ? {} : { fix }) } } }
}
