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
import { addApprovals } from "./commands/approvals.ts"
import { addChannels } from "./commands/channels.ts"
import { addChat } from "./commands/chat.ts"
import { addHookCommands } from "./commands/hooks.ts"
import { addInstallation } from "./commands/installation.ts"
import { addOverview } from "./commands/overview.ts"
import { addProcesses } from "./commands/processes.ts"
import { addProve } from "./commands/prove.ts"
import { addRuns } from "./commands/runs.ts"
import { addSecrets } from "./commands/secrets.ts"
import { addTriage } from "./commands/triage.ts"
import { addDoubts } from "./commands/uncertain.ts"
import { addDoctor } from "./doctor/doctor.ts"
import { reportError } from "./report.ts"
import type { Act, Session } from "./session.ts"
import { readSettings, type Settings } from "./settings.ts"
import { createTerminal, type Streams } from "./terminal.ts"

export interface ProgramDeps extends Streams {
  env: Environment
  clock: Clock
  newId: NewId
}

/** Runs one command line, without `node` and the script, and returns the exit code. Never throws. */
export async function run(argv: readonly string[], deps: ProgramDeps): Promise<number> {
  const terminal = createTerminal(deps, { json: argv.includes("--json"), env: deps.env })
  let code = 0
  const session = createSession(deps, terminal)
  const act: Act =
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

function createSession(deps: ProgramDeps, terminal: Session["terminal"]): Session {
  let settings: Settings | undefined
  let client: Client | undefined
  const session: Session = {
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

function createProgram(streams: Streams, act: Act): Command {
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
    addProcesses,
    addChat,
    addOverview,
    addChannels,
    addRuns,
    addApprovals,
    addDoubts,
    addSecrets,
    addTriage,
    addHookCommands,
    addInstallation,
    addDoctor,
    addProve,
  ]) {
    add(program, act)
  }
  return program
}
