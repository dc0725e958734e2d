/**
 * Doctor: what is wrong and what to do about it, with and without a running server. It repairs nothing and changes
 * nothing. Exit code 0: nothing found, 1: findings, 2: it could not look.
 */
import { Misconfigured } from "../../base/errors.ts"
import { createClient } from "../client.ts"
import { reportError } from "../report.ts"
import type { AddCommands, CliSession } from "../session.ts"
import type { Settings } from "../settings.ts"
import { plain, type Terminal } from "../terminal.ts"
import { type Check, check, wrong } from "./finding.ts"
import { askServer, type ServerReport } from "./server-checks.ts"

export const addDoctorCommand: AddCommands = (program, act) => {
  program
    .command("doctor")
    .description("look for what is wrong, and say what to do about it")
    .action(
      act(async (session) => {
        try {
          const checks = await examine(session)
          report(session.terminal, checks)
          return checks.some(({ findings }) => findings.length > 0) ? 1 : 0
        } catch (error) {
          reportError(session.terminal, error)
          return 2
        }
      }),
    )
}

async function examine(session: CliSession): Promise<Check[]> {
  // Loaded here alone: it brings the database's code along, which no other command needs.
  const { checkConfig, checkNode } = await import("./machine-checks.ts")
  const node = checkNode(process.versions.node)
  const found = settingsOf(session)
  if ("checks" in found) return [node, checkConfig(session.env, null), ...found.checks]
  const server = await askServer(createClient(found), found)
  return [node, ...server.checks, ...(found.isLocal ? await examineMachine(session, found, server) : [])]
}

/** A server elsewhere has its own settings, data and database: those are looked at here only when it is ours. */
async function examineMachine(session: CliSession, settings: Settings, server: ServerReport): Promise<Check[]> {
  const { checkConfig, checkDatabase, checkDataDir } = await import("./machine-checks.ts")
  const config = checkConfig(session.env, server.inVault)
  const url = session.env.DATABASE_URL || undefined
  const isHeld = server.isUp && url === undefined
  const database = isHeld
    ? check("database", "embedded, in use by the server")
    : await checkDatabase({ url, dataDir: settings.dataDir, now: session.clock.now(), serverUrl: settings.url })
  return [config, checkDataDir(settings.dataDir), database]
}

/** The settings, or what is wrong with those that say where the server is. */
function settingsOf(session: CliSession): Settings | { checks: Check[] } {
  try {
    return session.settings()
  } catch (error) {
    if (!(error instanceof Misconfigured)) throw error
    // `checkConfig` says the same of each variable that cannot be read.
    if (error.code === "invalid_config") return { checks: [] }
    return { checks: [check("token", "none for the server", [wrong(error.message, error.fix ?? "set VIGIL_TOKEN")])] }
  }
}

function report(terminal: Terminal, checks: Check[]): void {
  const findings = checks.flatMap((one) => one.findings)
  if (terminal.json) {
    const seen = checks.map(({ checkId, detail, findings: own }) => ({ checkId, ok: own.length === 0, detail }))
    terminal.document({ schemaVersion: 1, ok: findings.length === 0, checks: seen, findings })
    return
  }
  for (const one of checks) printCheck(terminal, one)
  terminal.say(findings.length === 0 ? "Nothing wrong was found." : `${findings.length} found.`)
}

const STYLES = { ok: "green", warning: "yellow", error: "red" } as const

function printCheck(terminal: Terminal, { checkId, detail, findings }: Check): void {
  const found = new Set(findings.map(({ severity }) => severity))
  const worst = found.has("error") ? "error" : found.has("warning") ? "warning" : "ok"
  const state = terminal.paint(STYLES[worst], worst.padEnd(7))
  terminal.print(`${state}  ${plain(checkId).padEnd(16)}  ${plain(detail)}`)
  for (const { message, fix } of findings) terminal.print(`         ${plain(message)}\n         fix: ${plain(fix)}`)
}
