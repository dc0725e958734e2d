/**
 * Processes: `start` and `migrate` run the server's own program as a child, with this terminal's streams and signals. They
 * open nothing themselves, so there is one way into the database.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { constants } from "node:os"
import { fileURLToPath } from "node:url"
import { Argument } from "commander"
import { NODE_FLAGS } from "../../node-flags.ts"
import type { AddCommands, CliSession } from "../session.ts"

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url))
const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP"] as const

export const addProcessCommands: AddCommands = (program, act) => {
  program
    .command("start")
    .description("run the server in this terminal")
    .addArgument(new Argument("[role]", "what this process does").choices(["all", "web", "worker"]).default("all"))
    .action(act(async (session, command) => runMain(session, command.args[0] ?? "all", "inherit")))

  program
    .command("migrate")
    .description("bring the database to this version's schema")
    .action(
      act(async (session) => {
        // With --json stdout holds the document only, so what the child prints there goes to people.
        const code = await runMain(session, "migrate", session.terminal.json ? 2 : "inherit")
        if (code === 0 && session.terminal.json) {
          const { codeSchema } = await import("../../db/migrate.ts")
          session.terminal.document({ ok: true, schema: codeSchema() })
        }
        return code
      }),
    )
}

async function runMain(session: CliSession, role: string, stdout: "inherit" | 2): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, ...NODE_FLAGS, MAIN, role], {
    stdio: ["inherit", stdout, "inherit"],
    env: session.env,
  })
  const forward = (signal: NodeJS.Signals) => {
    // A terminal sends Ctrl-C to the child as well; a second copy would mean "stop at once".
    if (signal !== "SIGINT" || !session.terminal.stdin.isTTY) child.kill(signal)
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  try {
    const [code, signal]: [number | null, NodeJS.Signals | null] = await exitOf(child)
    return code ?? 128 + (signal ? constants.signals[signal] : 0)
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward)
  }
}

async function exitOf(child: ReturnType<typeof spawn>): Promise<[number | null, NodeJS.Signals | null]> {
  await once(child, "exit")
  return [child.exitCode, child.signalCode]
}
