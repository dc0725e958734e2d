/**
 * An OpenAI-compatible server that follows a script and keeps a ledger of what it was asked, outside of the process that
 * is killed. Every answer carries the number of its request, so that a journal says which request each outcome came from.
 */
import { bugReport, type ChatRequest, startChatModel, toolCall } from "../support/chat-model.ts"
import type { StandIn } from "../support/stand-in.ts"

export interface ModelCall {
  /** From 1. */
  no: number
  /** The same for two requests that ask for the same step of the same run. */
  question: string
  at: Date
}

export interface ScriptedModel extends StandIn {
  calls: ModelCall[]
  /** Tags whose last answer was given at least once. */
  answered: Set<string>
}

const MARKS = /please do job-\d+|done job-\d+ \(answer \d+\)|"c\d+[a-z]-\d+"|breaks, issue \d+/g

/** @param latencyMs how long each answer takes, by its number. */
export async function startScriptedModel(latencyMs: (no: number) => number): Promise<ScriptedModel> {
  const calls: ModelCall[] = []
  const answered = new Set<string>()

  async function reply(asked: ChatRequest): Promise<object> {
    const no = calls.length + 1
    calls.push({ no, question: questionOf(asked), at: new Date() })
    const { promise, resolve } = Promise.withResolvers<void>()
    setTimeout(resolve, latencyMs(no))
    await promise
    return asked.response_format ? classify(asked, no) : talk(asked, no)
  }

  function classify({ messages }: ChatRequest, no: number): object {
    const number = /issue (\d+)/.exec(JSON.stringify(messages.filter(({ role }) => role === "user")))?.[1]
    answered.add(`issue-${number}`)
    return bugReport(isSure(Number(number)) ? 0.95 : 0.4, `It says so (answer ${no}).`)
  }

  function talk({ messages }: ChatRequest, no: number): object {
    // What came before the last reply was answered then, or given up: only what is newer is to be done.
    const isReply = (message: ChatRequest["messages"][number]) =>
      message.role === "assistant" && (message.tool_calls ?? []).length === 0
    const newer = messages.slice(messages.findLastIndex(isReply) + 1)
    const said = (role: string) => JSON.stringify(newer.filter((message) => message.role === role))
    const spoken = said("assistant")
    const open = tagsIn(said("user"), /please do job-(\d+)/g)
    // All jobs go on together: however many messages one run takes, it stays far from the limits of steps.
    const next = open.flatMap((tag) => {
      const isMade = ([letter]: Call) => spoken.includes(`"c${tag}${letter}-`)
      const group = planOf(tag).find((calls) => !calls.every(isMade)) ?? []
      return group.map(([letter, name, args]) => toolCall(`c${tag}${letter}-${no}`, name, JSON.stringify(args)))
    })
    if (next.length > 0) return { content: null, tool_calls: next }
    for (const tag of open) answered.add(`job-${tag}`)
    return { content: open.map((tag) => `done job-${tag} (answer ${no})`).join(", ") || "nothing to do" }
  }

  return { ...(await startChatModel("scripted", reply)), calls, answered }
}

type Call = readonly [letter: string, name: string, args: object]

/** One job in so many has effects; the others only want an answer. */
const EFFECT_EVERY = 5
/** Of the reminders, one in so many comes due during the workload. */
const SOON_EVERY = 2
/** The job whose reminder comes every minute. */
const EVERY_MINUTE = 5

/** Whether the model says about an issue what needs no person to look at it. */
function isSure(issue: number): boolean {
  return issue % 2 === 0
}

/** Names of the rows that a job makes, each once. */
export function effectsOf(tag: number): string[] {
  return tag % EFFECT_EVERY === 0 ? [`Reminder number ${tag}`, `Fact number ${tag} of the long list`] : []
}

/** What a job takes: an effect in the database and a look, then an effect that shows when it is done twice. */
function planOf(tag: string): Call[][] {
  const number = Number(tag)
  const [reminder, fact] = effectsOf(number)
  if (reminder === undefined || fact === undefined) return []
  return [
    [
      ["a", "remember", { text: fact }],
      ["b", "recall", { query: `number ${tag} of the long list` }],
    ],
    [["c", "remind", { text: reminder, when: whenOf(number) }]],
  ]
}

function whenOf(tag: number): string {
  if (tag === EVERY_MINUTE) return "every minute"
  return tag % (EFFECT_EVERY * SOON_EVERY) === 0 ? "in 10 seconds" : "tomorrow at 9"
}

function questionOf({ messages }: ChatRequest): string {
  const told = messages.filter(({ role }) => role !== "system").map((message) => JSON.stringify(message))
  return told.flatMap((message) => message.match(MARKS) ?? []).join(" ")
}

function tagsIn(text: string, form: RegExp): string[] {
  return [...new Set([...text.matchAll(form)].map((match) => match[1] ?? ""))]
}
