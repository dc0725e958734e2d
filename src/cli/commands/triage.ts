/** Triage: who is on call for issues, and what was decided about them. */
import { type Command, InvalidArgumentError } from "commander"
import { doneAnswer } from "../../contract/problem.ts"
import {
  type DecisionRow,
  decisionsAnswer,
  type Rota,
  repoName,
  rotaAnswer,
  rotaSchema,
} from "../../contract/work/triage.ts"
import { type AddCommands, type CliSession, show, whole } from "../session.ts"
import { plain, type TableColumn, type Terminal, table } from "../terminal.ts"

const ROTA = "/api/v1/triage/rota"

const COLUMNS: TableColumn<DecisionRow>[] = [
  { title: "ISSUE", cell: ({ repo, number }) => `${repo}#${number}` },
  { title: "KIND", cell: ({ kind, correctedTo }) => (correctedTo ? `${kind} -> ${correctedTo}` : kind) },
  { title: "SURE", cell: ({ confidence }) => `${Math.round(confidence * 100)} %`, right: true },
  { title: "BY", cell: ({ method }) => method },
  { title: "ASSIGNEE", cell: ({ assignee }) => assignee ?? "-" },
  { title: "STATE", cell: ({ state }) => state },
  { title: "TITLE", cell: ({ title }) => title, width: 60 },
]

export const addTriageCommands: AddCommands = (program, act) => {
  const triage = program.command("triage").description("GitHub issues: who is on call, what was decided")

  triage
    .command("decisions")
    .description("what was decided about issues, newest first")
    .option("--limit <n>", "how many", whole(1, 200), 20)
    .option("--repo <owner/name>", "of this repository only", repository)
    .action(
      act(async (session, command) => {
        const { limit, repo } = command.opts<{ limit: number; repo?: string }>()
        const query = new URLSearchParams({ limit: String(limit), ...(repo === undefined ? {} : { repo }) })
        await show(session, `/api/v1/triage/decisions?${query}`, decisionsAnswer, ({ decisions }, terminal) => {
          if (decisions.length === 0) terminal.say("Nothing decided yet. See how it goes with: vigil demo")
          else table(terminal, decisions, COLUMNS)
        })
        return 0
      }),
    )

  const rota = triage.command("rota").description("who is on call, in turns")
  rota
    .command("show", { isDefault: true })
    .description("the turns as they are set")
    .option("--repo <owner/name>", "for issues of this repository", repository)
    .action(
      act(async (session, command) => {
        await show(session, rotaPath(command), rotaAnswer, (answer, terminal) => {
          if (answer.rota) printRota(answer.rota, terminal)
          else terminal.say("Nobody is on call. Set it with: vigil triage rota set ana ben --every 7")
        })
        return 0
      }),
    )
  rota
    .command("set")
    .argument("<people...>", "GitHub logins, in the order of their turns")
    .description("set the turns; overrides that are set stay")
    .option("--start <YYYY-MM-DD>", "when the first turn begins; today when not given", date)
    .option("--every <days>", "length of a turn", whole(1, 365), 7)
    .option("--repo <owner/name>", "for this repository only; for all others without it", repository)
    .action(act(setRota))
}

async function setRota(session: CliSession, command: Command): Promise<number> {
  const { start = today(session.clock.now()), every } = command.opts<{ start?: string; every: number }>()
  const client = session.client()
  const path = rotaPath(command)
  const read = async (at: string) => (await client.get(at, rotaAnswer)).rota
  const [before, general] = await Promise.all([read(path), read(ROTA)])
  const logins = command.args.map((login) => login.replace(/^@/, ""))
  const zone = before?.zone ? { zone: before.zone } : {}
  // A repository without turns of its own is answered with those for all; their overrides are not its own.
  const isOwn = path === ROTA || JSON.stringify(before) !== JSON.stringify(general)
  const overrides = isOwn ? (before?.overrides ?? []) : []
  const rota: Rota = { ...zone, start, everyDays: every, logins, overrides }
  await client.send("PUT", path, rota, doneAnswer)
  if (session.terminal.json) session.terminal.document({ rota })
  else printRota(rota, session.terminal)
  return 0
}

function rotaPath(command: Command): string {
  const { repo } = command.opts<{ repo?: string }>()
  return repo === undefined ? ROTA : `${ROTA}?repo=${encodeURIComponent(repo)}`
}

function printRota({ logins, everyDays, start, zone, overrides }: Rota, terminal: Terminal): void {
  terminal.print(plain(`${logins.join(", ")}: turns of ${everyDays} days from ${start}${zone ? ` (${zone})` : ""}`))
  for (const { from, to, login } of overrides) terminal.print(plain(`  ${from} to ${to}: ${login}`))
}

/** The date on this machine's calendar. */
function today(now: Date): string {
  return now.toLocaleDateString("sv-SE")
}

function date(text: string): string {
  if (rotaSchema.shape.start.safeParse(text).success) return text
  throw new InvalidArgumentError("Give a date like 2026-12-01.")
}

function repository(text: string): string {
  if (repoName.safeParse(text).success) return text
  throw new InvalidArgumentError("Give it as owner/name.")
}
