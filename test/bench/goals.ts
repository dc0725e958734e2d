/** Goals: each row of the speed goals with what this machine does now; time stands beside a baseline of the same run. */
import { type AcceptFigures, benchAccept } from "./accept.ts"
import { onDisk, onPostgres } from "./databases.ts"
import { benchDialogues } from "./dialogues.ts"
import { ms } from "./figures.ts"
import type { Shot } from "./generator.ts"
import { benchGrowth } from "./growth.ts"
import { benchInstall } from "./install.ts"
import { benchIssues, type IssueFigures } from "./issues.ts"
import { shootBare } from "./load.ts"
import { benchProcess } from "./process.ts"
import { promptTokens } from "./prompt.ts"
import { benchRecall } from "./recall.ts"
import type { Row, Table } from "./report.ts"
import { benchScale } from "./scale.ts"
import { benchLoad, type LoadFigures } from "./steps.ts"
import { benchTurn, type TurnFigures } from "./turn.ts"

export interface Measured {
  rows: Row[]
  tables?: Table[]
}

const TURNS = 300
const NO_POSTGRES = "no Postgres here"
const NO_DATA = "the data is not here"
const percent = (share: number) => `${(share * 100).toFixed(1)} %`
const unmeasured = (what: string, goal: string, figure: string): Row => ({ what, goal, figure, isMet: null })

/** By the name under which `npm run bench -- <name>` runs one alone. */
export const MEASUREMENTS = {
  turn,
  accept,
  load,
  scale,
  process: ready,
  prompt,
  recall,
  growth,
  dialogues,
  issues,
  install,
}

async function load(): Promise<Measured> {
  const server = await onPostgres(async () => ({
    figures: await benchLoad("postgres", [200], 60),
    bare: await shootBare("postgres", 200, 10),
  }))
  const embedded = {
    figures: await benchLoad("pglite", [25, 50, 100, 150, 200, 300, 400], 10),
    bare: await shootBare("pglite", 50, 10),
  }
  const row = (what: string, goal: string, taken: { figures: LoadFigures; bare: Shot } | null, least: number): Row => {
    if (!taken) return unmeasured(what, goal, NO_POSTGRES)
    const { figures, bare } = taken
    const { steps, held, flood, settledMs, violations } = figures
    const at = (steps.find(({ rate }) => rate === held) ?? steps[0])?.shot.took ?? flood.shot.took
    const wrong = [...steps.map(({ shot }) => shot), flood.shot].flatMap((shot) => Object.entries(shot.wrong))
    const odd = wrong.map(([status, times]) => `; ${times} answered with ${status}`).join("")
    const beyond = `at ${flood.rate}/s ${flood.shot.acknowledged.length} of ${flood.shot.sent} taken, ${flood.shot.refused} told to come back${odd}`
    const end = violations.length > 0 ? violations.join("; ") : "all that was ever taken reached its end, once"
    return {
      what,
      goal,
      figure: `${held}/s held: p50 ${ms(at.p50)}, p99 ${ms(at.p99)}; ${beyond}; ${end}`,
      ratio: `bare Fastify and one insert: p50 ${ms(bare.took.p50)}, p99 ${ms(bare.took.p99)}`,
      isMet:
        held >= least && violations.length === 0 && settledMs !== null && Object.keys(flood.shot.wrong).length === 0,
    }
  }
  return {
    rows: [
      row("load, Postgres, 60 s", "200/s, and nothing taken is lost", server, 200),
      row("load, PGlite", "50/s, and nothing taken is lost", embedded, 50),
    ],
  }
}

async function turn(): Promise<Measured> {
  const embedded = await onDisk((db) => benchTurn(db, TURNS))
  const server = await onPostgres((db) => benchTurn(db, TURNS))
  const row = (kind: string, goalMs: number, figures: TurnFigures | null): Row => {
    const mostTimes = kind === "Postgres" ? 1.15 : 1.4
    const [what, goal] = [`warm turn, ${kind}`, `p50 ≤ ${goalMs} ms and ≤ ${mostTimes} × bare SQL`]
    if (!figures) return unmeasured(what, goal, NO_POSTGRES)
    const times = figures.turn.p50 / figures.floor.p50
    return {
      what,
      goal,
      figure: `p50 ${ms(figures.turn.p50)}, p99 ${ms(figures.turn.p99)}`,
      ratio: `${times.toFixed(2)} × the same transactions as bare SQL (p50 ${ms(figures.floor.p50)})`,
      isMet: figures.turn.p50 <= goalMs && times <= mostTimes,
    }
  }
  const tables = [profile("PGlite", embedded), ...(server ? [profile("Postgres", server)] : [])]
  return { rows: [row("Postgres", 15, server), row("PGlite", 25, embedded)], tables }
}

function profile(
  kind: string,
  { roundTrips, transactions, databaseMs, turn, profile: statements }: TurnFigures,
): Table {
  return {
    title: `Where a turn's time goes, ${kind}`,
    note: `${roundTrips.toFixed(1)} round trips and ${transactions.toFixed(1)} explicit transactions a turn; ${ms(databaseMs)} of a mean turn with a statement under way, p50 of the turn ${ms(turn.p50)}.`,
    head: ["time a turn", "times", "statement"],
    lines: statements.slice(0, 12).map(({ statement, count, ms: spent }) => [ms(spent), count.toFixed(1), statement]),
  }
}

async function accept(): Promise<Measured> {
  const seconds = 20
  const server = await onPostgres((db) => benchAccept(db, 200, seconds))
  const embedded = await onDisk((db) => benchAccept(db, 50, seconds))
  const row = (what: string, least: number, { accept: own, bare }: AcceptFigures): Row => {
    const share = own.most / bare.most
    return {
      what,
      goal: `p99 ≤ 25 ms${least > 0 ? `, and ${percent(least)} of bare Fastify + one insert` : ""}`,
      figure: `p50 ${ms(own.took.p50)}, p99 ${ms(own.took.p99)}; at most ${own.most.toFixed(0)}/s`,
      ratio: `${percent(share)} of what bare Fastify + one insert takes (${bare.most.toFixed(0)}/s; p50 ${ms(bare.took.p50)}, p99 ${ms(bare.took.p99)})`,
      isMet: own.took.p99 <= 25 && share >= least,
    }
  }
  const first = "accept, Postgres, 200/s"
  return {
    rows: [
      server ? row(first, 0.7, server) : unmeasured(first, "p99 ≤ 25 ms", NO_POSTGRES),
      row("accept, PGlite, 50/s", 0, embedded),
    ],
  }
}

async function scale(): Promise<Measured> {
  const figures = []
  for (const workers of [1, 2, 4]) {
    const one = await onPostgres((db, url) => benchScale(db, url, { workers, turns: 6000 }))
    if (one) figures.push(one)
  }
  const four = figures.at(-1)
  const [what, goal] = ["turns a second, 4 workers, Postgres", "≥ 300"]
  if (!four) return { rows: [unmeasured(what, goal, NO_POSTGRES)] }
  const row = { what, goal, figure: four.perSecond.toFixed(0), isMet: four.perSecond >= 300 }
  const ratio = figures.map(({ workers, perSecond }) => `${workers}: ${perSecond.toFixed(0)}`).join(", ")
  return { rows: [{ ...row, ratio: `by number of workers ${ratio}` }] }
}

async function ready(): Promise<Measured> {
  const embedded = await benchProcess()
  const server = await onPostgres((_db, url) => benchProcess(url))
  const row = (what: string, figure: string, goal: string, isMet: boolean): Row => ({ what, figure, goal, isMet })
  const mb = (value: number) => `${value.toFixed(0)} MB`
  return {
    rows: [
      row("ready, reopened, embedded", ms(embedded.againMs), "≤ 1.0 s", embedded.againMs <= 1000),
      row("ready, first boot, embedded", ms(embedded.firstMs), "≤ 2 s", embedded.firstMs <= 2000),
      row("resident memory, embedded", mb(embedded.residentMb), "≤ 240 MB", embedded.residentMb <= 240),
      ...(server
        ? [
            row("ready, Postgres", ms(server.againMs), "≤ 1.0 s", server.againMs <= 1000),
            row("resident memory, a process on Postgres", mb(server.residentMb), "≤ 160 MB", server.residentMb <= 160),
          ]
        : [unmeasured("ready and memory, Postgres", "≤ 1.0 s, ≤ 160 MB", NO_POSTGRES)]),
    ],
  }
}

async function prompt(): Promise<Measured> {
  const sections = await onDisk(promptTokens)
  const total = sections.reduce((sum, { tokens }) => sum + tokens, 0)
  const parts = sections.map((section) => `${section.name} ${section.tokens}`).join(", ")
  const row = {
    what: 'prompt for "ping"',
    goal: "≤ 2,000 tokens",
    figure: `${total} tokens`,
    ratio: parts,
    isMet: total <= 2000,
  }
  return { rows: [row] }
}

const SIZES = [1000, 10_000, 50_000, 100_000]

async function recall(): Promise<Measured> {
  const [what, goal] = ["recall over 100,000 memories, Postgres", "p50 ≤ 20 ms"]
  const figures = await onPostgres((db) => benchRecall(db, SIZES))
  const last = figures?.at(-1)
  if (!figures || !last) return { rows: [unmeasured(what, goal, NO_POSTGRES)] }
  const ratio = figures.map(({ size, recall: took }) => `${size}: ${ms(took.p50)}`).join(", ")
  const figure = `p50 ${ms(last.recall.p50)}, p99 ${ms(last.recall.p99)}`
  return { rows: [{ what, goal, figure, ratio: `p50 by size ${ratio}`, isMet: last.recall.p50 <= 20 }] }
}

const JOURNAL_ROWS = [10_000, 100_000, 1_000_000]

/** No goal of its own: it says whether the goals hold as history piles up. */
async function growth(): Promise<Measured> {
  const figures = await onPostgres((db) => benchGrowth(db, JOURNAL_ROWS))
  if (!figures) return { rows: [] }
  const whole = (value: number) => Math.round(value).toLocaleString("en")
  const lines = figures.map(({ journal, threads, megabytes, turn: took, claim, waiting }) => [
    whole(journal),
    whole(threads),
    `${whole(megabytes)} MB`,
    ms(took.p50),
    ms(took.p99),
    ms(claim.p50),
    ms(waiting.p50),
  ])
  const head = [
    "journal rows",
    "threads",
    "database",
    "turn p50",
    "turn p99",
    "look for work p50",
    "look for messages p50",
  ]
  return { rows: [], tables: [{ title: "As history piles up, Postgres", head, lines }] }
}

async function dialogues(): Promise<Measured> {
  const what = "evidence recall@10 on LoCoMo"
  const found = await onDisk(benchDialogues)
  if (!found) return { rows: [unmeasured(`${what}, no model, no key`, "≥ 70 %", NO_DATA)] }
  const row = (name: string, share: number, least: number): Row => ({
    what: `${what}, ${name}`,
    goal: `≥ ${least * 100} %`,
    figure: `${percent(share)} of ${found.questions} questions`,
    isMet: share >= least,
  })
  return { rows: [row("no model, no key", found.recall, 0.7), row("facts of a model as keys", found.withFacts, 0.75)] }
}

async function issues(): Promise<Measured> {
  const [what, goal] = [
    "issue kind from past decisions, no model",
    "macro-F1 ≥ 0.76, ≥ 95 % right at 20 %, ≥ 89 % at 50 %",
  ]
  const found = benchIssues()
  if (!found) return { rows: [unmeasured(what, goal, NO_DATA)] }
  const row = (name: string, { macroF1, rightAt20, rightAt50 }: IssueFigures): Row => ({
    what: `${what}, ${name}`,
    goal,
    figure: `${macroF1.toFixed(3)}, ${percent(rightAt20)}, ${percent(rightAt50)}`,
    isMet: macroF1 >= 0.76 && rightAt20 >= 0.95 && rightAt50 >= 0.89,
  })
  return { rows: [row("ten folds", found.folds), row("the newest fifth of each kind", found.byTime)] }
}

async function install(): Promise<Measured> {
  const [what, goal] = ["production install", "≤ 250 MB"]
  const mb = benchInstall()
  if (mb === null) return { rows: [unmeasured(what, goal, "the packages cannot be fetched here")] }
  return { rows: [{ what, goal, figure: `${mb} MB`, isMet: mb <= 250 }] }
}
