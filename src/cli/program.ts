/**
 * Program: the commands of `vigil` and their exit codes. 0 is done, 1 is "what was asked for failed", 2 is wrong usage or
 * configuration; `start` and `migrate` end with their process's own code.
 */
import { Command } from "commander"
import packageJson from "../../package.json" with { type: "json" }
import type { Clock } from "../base/clock.ts"
import type { NewId } from "../base/ids.ts"
import type { Environment } from "../config/config.ts"
import { type Client, createClient } from "./client.ts"
import { addApprovalCommands } from "./commands/approvals.ts"
import { addChannelCommands } from "./commands/channels.ts"
import { addChatCommand } from "./commands/chat.ts"
import { addHookCommands } from "./commands/hooks.ts"
import { addInstallationCommands } from "./commands/installation.ts"
import { addOverviewCommands } from "./commands/overview.ts"
import { addProcessCommands } from "./commands/processes.ts"
import { addProveCommand } from "./commands/prove.ts"
import { addRunCommands } from "./commands/runs.ts"
import { addSecretCommands } from "./commands/secrets.ts"
import { addTriageCommands } from "./commands/triage.ts"
import { addUncertainCommands } from "./commands/uncertain.ts"
import { addDoctorCommand } from "./doctor/doctor.ts"
import { reportError } from "./report.ts"
import type { CliSession, CommandAction } from "./session.ts"
import { readSettings, type Settings } from "./settings.ts"
import { createTerminal, type TerminalStreams } from "./terminal.ts"

export interface ProgramDeps extends TerminalStreams {
  env: Environment
  clock: Clock
  newId: NewId
}

/** Runs one command line, without `node` and the script, and returns the exit code. Never throws. */
export async function run(argv: readonly string[], deps: ProgramDeps): Promise<number> {
  const terminal = createTerminal(deps, { json: argv.includes("--json"), env: deps.env })
  let code = 0
  const session = createSession(deps, terminal)
  const act: CommandAction =
    (work) =>
    async (...args) => {
      const command = args.at(-1)
      if (command instanceof Command) code = (await work(session, command)) ?? 0
    }
  const isBare = argv.every((word) => word === "--json")
  try {
    await createProgram(deps, act).parseAsync(isBare ? [...argv, "status"] : argv, { from: "user" })
    return code
  } catch (error) {
    return reportError(terminal, error)
  }
}

function createSession(deps: ProgramDeps, terminal: CliSession["terminal"]): CliSession {
  let settings: Settings | undefined
  let client: Client | undefined
  const session: CliSession = {
    terminal,
    env: deps.env,
    clock: deps.clock,
    newId: deps.newId,
    settings: () => {
      settings ??= readSettings(deps.env)
      return settings
    },
    client: () => {
      client ??= createClient(session.settings())
      return client
    },
  }
  return session
}

function createProgram(streams: TerminalStreams, act: CommandAction): Command {
  const program = new Command("vigil")
    .description("Vigil, the personal agent that stays up. Without a command: status.")
    .version(packageJson.version)
    .option("--json", "one JSON document on stdout, errors included")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
      // Said once, by `reportError`.
      outputError: () => {},
    })
  for (const add of [
    addProcessCommands,
    addChatCommand,
    addOverviewCommands,
    addChannelCommands,
    addRunCommands,
    addApprovalCommands,
    addUncertainCommands,
    addSecretCommands,
    addTriageCommands,
    addHookCommands,
    addInstallationCommands,
    addDoctorCommand,
    addProveCommand,
  ]) {
    add(program, act)
  }
  return program
}
