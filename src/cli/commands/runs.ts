/** Runs: what the agent did, as a list, and one run step by step. */
import { Option } from "commander"
import { RUN_STATES, type RunRow, runsAnswer, traceSchema } from "../../contract/conversation/runs.ts"
import { type AddCommands, show, whole } from "../session.ts"
import { type TableColumn, table } from "../terminal.ts"
import { dollars, duration, when } from "./figures.ts"
import { printTrace } from "./trace.ts"

const COLUMNS: TableColumn<RunRow>[] = [
  { title: "RUN", cell: (run) => run.id, width: 36 },
  { title: "STARTED", cell: (run) => when(run.startedAt) },
  { title: "STATE", cell: (run) => run.state },
  { title: "CHANNEL", cell: (run) => run.channel },
  { title: "TOOK", cell: (run) => duration(run.durationMs), right: true },
  { title: "COST", cell: (run) => dollars(run.costUsd), right: true },
  { title: "TRIGGER", cell: (run) => run.trigger, width: 48 },
]

export const addRunCommands: AddCommands = (program, act) => {
  program
    .command("runs")
    .description("what the agent did, newest first")
    .option("--limit <n>", "how many", whole(1, 200), 20)
    .addOption(new Option("--state <state>", "only these").choices(RUN_STATES))
    .action(
      act(async (session, command) => {
        const { limit, state } = command.opts<{ limit: number; state?: string }>()
        const query = new URLSearchParams({ limit: String(limit), ...(state === undefined ? {} : { state }) })
        await show(session, `/api/v1/runs?${query}`, runsAnswer, ({ runs }, terminal) => {
          if (runs.length === 0) terminal.say("No runs yet. Say something with: vigil chat")
          else table(terminal, runs, COLUMNS)
        })
        return 0
      }),
    )

  program
    .command("trace")
    .argument("<run>", "id, or its beginning")
    .description("one run: prompt by section, memories with scores, every step, cost, replies")
    .action(
      act(async (session, command) => {
        const path = `/api/v1/runs/${encodeURIComponent(command.args[0] ?? "")}`
        await show(session, path, traceSchema, printTrace)
        return 0
      }),
    )
}
