/**
 * Offline replies: sentences that are filled in from tool results and from nothing else. Anything about the person's life
 * is a quotation with its date. A field that a result lacks is left out of the sentence.
 */
import { z } from "zod"
import type { Saying } from "./grammar.ts"

const EXAMPLES =
  '"remember that my sister\'s birthday is 3 May", "when is my sister\'s birthday?", "remind me to call her tomorrow at 9", "every weekday at 8am send me the digest", "list automations", "triage owner/repo#12", "digest"'

const SAYINGS: Readonly<Record<Saying, string>> = {
  greeting: `I am here, in OFFLINE mode: no language model is connected, so I follow commands. Try: ${EXAMPLES}.`,
  thanks: "You are welcome. (OFFLINE mode: say help for what I understand.)",
  acknowledged: "All right. (OFFLINE mode: say help for what I understand.)",
  help: `I am in OFFLINE mode: no language model is connected. I understand commands such as: ${EXAMPLES}.`,
  unknown: `I am in offline mode and did not understand that. Try: ${EXAMPLES}.`,
  remember_what: "What shall I remember? Say it in one message: remember that my sister's birthday is 3 May",
  forget_everything: "I do not forget everything at once. Name one: forget 12, or: forget about my old address",
  forget_what: "What shall I forget? Name it: forget 12, or: forget about my old address",
  remind_what: "Remind you of what? Say it in one message: remind me to call mum tomorrow at 9",
  remind_when: "When? Say it in one message: remind me to call mum tomorrow at 9",
  schedule_what: "What shall I do then? Say it in one message: every weekday at 8am send me the digest",
  cancel_which: 'Which one? "list automations" shows the numbers; then: cancel automation 3',
}

export function saying(which: Saying): string {
  return SAYINGS[which]
}

const text = z.string().min(1).optional().catch(undefined)
const id = z.union([z.number(), z.string()]).optional().catch(undefined)
const texts = z.array(z.string()).catch([])
const list = <T extends z.ZodType>(item: T) => z.array(item).catch([])
const memory = z.looseObject({ id, text, recordedAt: text })

/** All fields that a tool may report; each tool fills its own. */
const result = z.looseObject({
  ok: z.boolean().optional().catch(undefined),
  code: text,
  message: text,
  instead: text,
  id,
  text,
  duplicate: z.boolean().optional().catch(undefined),
  memories: list(memory),
  forgotten: list(memory),
  key: text,
  value: text,
  at: text,
  action: text,
  sentence: text,
  next: z.union([z.string().transform((one) => [one]), texts]).catch([]),
  automations: list(
    z.looseObject({
      id,
      name: text,
      sentence: text,
      next: z.union([z.string(), texts]).optional().catch(undefined),
      state: text,
    }),
  ),
  name: text,
  repo: text,
  number: z.number().optional().catch(undefined),
  kind: text,
  confidence: z.number().optional().catch(undefined),
  reason: text,
  labels: texts,
  assignee: text,
  sentTo: text,
  now: text,
  local: text,
  zone: text,
})

export type ToolReport = z.infer<typeof result>
export type RecalledMemory = z.infer<typeof memory>

/** The result of a tool as data. A text that is not a JSON object becomes the message of a failure. */
export function readReport(given: string): ToolReport {
  return (
    result.safeParse(jsonOf(given)).data ??
    result.parse({ ok: false, code: "failed", message: given.slice(0, 500) || undefined })
  )
}

function jsonOf(given: string): unknown {
  try {
    return JSON.parse(given)
  } catch {
    return undefined
  }
}

const REPLIES: Readonly<Record<string, (report: ToolReport) => string>> = {
  remember: (r) => `${r.duplicate === true ? "I already had that" : "Noted"}${mark(r.id)}${quoted(r.text)}`,
  recall: (r) => (r.memories.length === 0 ? NOTHING : r.memories.map(line).join("\n")),
  forget: (r) =>
    r.forgotten.length === 0 ? "There was nothing to forget." : `Forgotten:\n${r.forgotten.map(line).join("\n")}`,
  set_preference: (r) =>
    r.key === "name"
      ? `I will call you ${r.value ?? "that"}.`
      : `Your ${r.key ?? "preference"} is now ${r.value ?? "set"}.`,
  remind: (r) => `Reminder${mark(r.id)} set${r.at === undefined ? "" : ` for ${r.at}`}${quoted(r.text)}`,
  schedule: (r) => `Automation${mark(r.id)} set: ${r.sentence ?? r.action ?? "scheduled"}${upcoming(r.next)}`,
  list_automations: (r) =>
    r.automations.length === 0 ? "There are no automations or reminders." : r.automations.map(automation).join("\n"),
  cancel_automation: (r) => `Cancelled${mark(r.id)}${quoted(r.name)}`,
  triage_issue: triaged,
  send_digest: (r) =>
    [r.text ?? "The digest is empty.", r.sentTo === undefined ? "" : `Sent to ${r.sentTo}.`]
      .filter((s) => s !== "")
      .join("\n"),
  now: (r) => `It is ${r.local ?? r.now ?? "not known what time it is"}${r.zone === undefined ? "" : ` (${r.zone})`}.`,
}

/** The reply about what a tool did, in one or a few lines. */
export function replyOf(tool: string, given: string): string {
  const report = readReport(given)
  if (report.ok === false) return refused(report)
  return REPLIES[tool]?.(report) ?? `${tool}: ${given.slice(0, 500)}`
}

export function refused(report: ToolReport): string {
  if (report.instead) return "Not done. In offline mode I cannot change a request; say it again the way you want it."
  const why = report.message ?? report.code ?? "the tool gave no reason"
  return `Not done: ${why}`
}

const NOTHING = "I have nothing about that. Tell me with: remember ..."

/** The memories as quotations, in the order of recall: the best one first. */
export function quotations(memories: readonly RecalledMemory[], now: Date): string {
  const [best, ...others] = memories
  if (best === undefined) return NOTHING
  const first = `You told me${dated(best, now)}: "${best.text ?? ""}"`
  if (others.length === 0) return first
  return [
    first,
    "Also:",
    ...others.slice(0, 4).map((other) => `- ${`${dated(other, now)} "${other.text ?? ""}"`.trim()}`),
  ].join("\n")
}

export function notQuite(memories: readonly RecalledMemory[]): string {
  if (memories.length === 0) return "I have nothing about that, so there is nothing to forget."
  return `Nothing I have is exactly about that, so I forgot nothing. The closest:\n${memories.slice(0, 5).map(line).join("\n")}\nSay the number: forget 12`
}

export function switchedOff(tool: string): string {
  return `I cannot do that here: the tool ${tool} is not available.`
}

/** The date of a memory: `(3 Nov)`, with the year when it is not the current one. */
function dated(memory: RecalledMemory, now: Date): string {
  if (memory.recordedAt === undefined) return ""
  const at = new Date(memory.recordedAt)
  if (Number.isNaN(at.getTime())) return ` (${memory.recordedAt})`
  const year = at.getUTCFullYear() === now.getUTCFullYear() ? {} : { year: "numeric" as const }
  return ` (${at.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC", ...year })})`
}

function line({ id, text }: RecalledMemory): string {
  return `${mark(id)} "${text ?? ""}"`.trim()
}

function mark(number: ToolReport["id"]): string {
  return number === undefined ? "" : ` #${number}`
}

function quoted(words: string | undefined): string {
  return words === undefined ? "." : `: "${words}"`
}

function upcoming(next: string[]): string {
  return next.length === 0 ? "." : `. Next: ${next.slice(0, 3).join("; ")}`
}

function automation(one: ToolReport["automations"][number]): string {
  const next = Array.isArray(one.next) ? one.next[0] : one.next
  const details = [
    one.sentence,
    next === undefined ? undefined : `next ${next}`,
    one.state === "active" ? undefined : one.state,
  ]
  return [`${mark(one.id)} ${one.name ?? ""}`.trim(), ...details.filter((part) => part !== undefined)].join(", ")
}

function triaged(r: ToolReport): string {
  const issue = r.repo === undefined ? "The issue" : `${r.repo}#${r.number ?? "?"}`
  const sure = r.confidence === undefined ? "" : ` (${Math.round(r.confidence * 100)}% sure)`
  const parts = [
    `${issue}: ${r.kind ?? "no kind"}${sure}.`,
    r.reason === undefined ? "" : `${r.reason.replace(/[.\s]+$/, "")}.`,
    r.labels.length === 0 ? "" : `Labels: ${r.labels.join(", ")}.`,
    r.assignee === undefined ? "" : `Assignee: ${r.assignee}.`,
  ]
  return parts.filter((part) => part !== "").join(" ")
}
