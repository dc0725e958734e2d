/** Overview: what runs and how: the server, its model and channels, automations, memories, money. */

import type { ChannelStatus } from "../../contract/installation/channels.ts"
import { spendAnswer } from "../../contract/installation/spend.ts"
import { type Status, statusAnswer } from "../../contract/installation/status.ts"
import { type AutomationRow, automationsAnswer } from "../../contract/work/automations.ts"
import { type MemoryRow, memoriesAnswer } from "../../contract/work/memories.ts"
import { type AddCommands, show, whole } from "../session.ts"
import { short, type TableColumn, type Terminal, table } from "../terminal.ts"
import { printFacts } from "./facts.ts"
import { when } from "./figures.ts"

const CHANNELS: TableColumn<ChannelStatus>[] = [
  { title: "CHANNEL", cell: (channel) => channel.id },
  { title: "STATE", cell: (channel) => channel.state },
  { title: "DETAIL", cell: (channel) => channel.detail, width: 100 },
]
const AUTOMATIONS: TableColumn<AutomationRow>[] = [
  { title: "ID", cell: ({ id }) => String(id), right: true },
  { title: "STATE", cell: ({ state }) => state },
  { title: "NEXT", cell: ({ nextAt }) => when(nextAt) },
  { title: "ZONE", cell: ({ zone }) => zone },
  { title: "WHAT", cell: ({ title }) => title, width: 50 },
  { title: "WHEN", cell: ({ sentence }) => sentence, width: 60 },
]
const MEMORIES: TableColumn<MemoryRow>[] = [
  { title: "ID", cell: ({ id }) => String(id), right: true },
  { title: "SCORE", cell: (memory) => ("score" in memory ? memory.score.toFixed(2) : "-"), right: true },
  { title: "KIND", cell: ({ kind }) => kind },
  { title: "RECORDED", cell: ({ recordedAt }) => when(recordedAt) },
  { title: "TEXT", cell: ({ text }) => text, width: 90 },
]

export const addOverviewCommands: AddCommands = (program, act) => {
  addStatus(program, act)

  program
    .command("automations")
    .description("what it does by itself, and when next")
    .action(
      act(async (session) => {
        await show(session, "/api/v1/automations", automationsAnswer, ({ automations }, terminal) => {
          if (automations.length > 0) table(terminal, automations, AUTOMATIONS)
          else terminal.say('None yet. Ask for one: vigil chat -m "every weekday at 8 send me a digest"')
        })
        return 0
      }),
    )

  program
    .command("spend")
    .description("what models cost, and the caps")
    .action(
      act(async (session) => {
        await show(session, "/api/v1/spend", spendAnswer, (spend, terminal) => printFacts(terminal, spend))
        return 0
      }),
    )

  program
    .command("memory")
    .description("what it remembers")
    .command("search")
    .argument("<words...>")
    .description("memories that fit the words, best first, with scores")
    .option("--limit <n>", "how many", whole(1, 100), 20)
    .action(
      act(async (session, command) => {
        const { limit } = command.opts<{ limit: number }>()
        const query = new URLSearchParams({ q: command.args.join(" "), limit: String(limit) })
        await show(session, `/api/v1/memories?${query}`, memoriesAnswer, ({ memories }, terminal) => {
          if (memories.length === 0) terminal.say("Nothing remembered fits these words.")
          else table(terminal, memories, MEMORIES)
        })
        return 0
      }),
    )
}

/** `status`, and the part of it that has a command of its own. */
const addStatus: AddCommands = (program, act) => {
  const page = (name: string, description: string, render: Render, part?: "model") =>
    program
      .command(name)
      .description(description)
      .action(
        act(async (session) => {
          const { terminal } = session
          const status = await session.client().get("/api/v1/status", statusAnswer)
          if (terminal.json) terminal.document(part ? { [part]: status[part] } : status)
          else render(status, terminal)
          return 0
        }),
      )
  page("status", "what is running and how", printStatus)
  page("models", "which model answers, and why that one", ({ model }, to) => printFacts(to, model), "model")
}

type Render = (status: Status, terminal: Terminal) => void

function printStatus({ version, model, channels, database, ...more }: Status, terminal: Terminal): void {
  const line = (name: string, value: string) =>
    terminal.print(`${terminal.paint("dim", name.padEnd(9))} ${short(value, 120)}`)
  line("version", version)
  const name = model.offline ? "offline mode" : `${model.model} at ${model.provider}`
  line("model", `${name} (${model.because})`)
  line("database", database.kind)
  printFacts(terminal, more)
  terminal.print("")
  table(terminal, channels, CHANNELS)
}
