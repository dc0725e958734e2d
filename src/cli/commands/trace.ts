/** Trace: one run as text, in the order in which it happened. Long values are shortened here; `--json` has all of them. */
import type { RunTrace, StepRow } from "../../contract/conversation/runs.ts"
import { plain, short, type Terminal } from "../terminal.ts"
import { dollars, duration, when } from "./figures.ts"

const WIDTH = 110

export function printTrace(run: RunTrace, terminal: Terminal): void {
  head(run, terminal)
  context(run, terminal)
  title(terminal, "Steps")
  for (const step of run.steps) printStep(step, terminal)
  if (run.steps.length === 0) terminal.print("  none")
  endings(run, terminal)
}

function title(terminal: Terminal, name: string): void {
  terminal.print("")
  terminal.print(terminal.paint("bold", name))
}

function head(run: RunTrace, terminal: Terminal): void {
  const line = (name: string, value: string | null) => {
    if (value) terminal.print(`${terminal.paint("dim", name.padEnd(8))} ${short(value, WIDTH)}`)
  }
  line("run", run.id)
  line("state", `${run.state}${run.attempts > 1 ? `, attempt ${run.attempts}` : ""}`)
  line("trigger", run.trigger)
  line("channel", run.channel)
  line("label", `${run.label.integrity}, ${run.label.confidentiality}`)
  line("started", `${when(run.startedAt)}, took ${duration(run.durationMs)}`)
  line("tokens", tokens(run))
  line("cost", dollars(run.costUsd))
  line("model", run.model)
  line("code", run.codeVersion)
  if (run.error) line("error", compact(run.error))
}

function context({ context: found }: RunTrace, terminal: Terminal): void {
  if (!found) return
  title(terminal, "Prompt")
  for (const { name, tokens: count } of found.sections) terminal.print(`  ${String(count).padStart(6)}  ${plain(name)}`)
  const total = found.sections.reduce((sum, section) => sum + section.tokens, 0)
  terminal.print(`  ${String(total).padStart(6)}  tokens in all`)
  if (found.recalled.length === 0) return
  title(terminal, "Recalled")
  for (const { id, score: value, text } of found.recalled) {
    terminal.print(`  ${value.toFixed(2)}  ${short(`[${id}] ${text}`, WIDTH)}`)
  }
}

function printStep(step: StepRow, terminal: Terminal): void {
  const name = terminal.paint("bold", `${plain(step.kind)} ${plain(step.name)}`)
  const state = step.state !== "done" ? terminal.paint("red", plain(step.state)) : ""
  terminal.print(`  ${String(step.n).padStart(2)}  ${[name, state, verdictOf(step)].filter(Boolean).join("  ")}`)
  const figures = [
    tokens(step),
    step.costUsd === null ? "" : dollars(step.costUsd),
    step.durationMs === null ? "" : duration(step.durationMs),
  ].filter(Boolean)
  if (figures.length > 0) terminal.print(`      ${terminal.paint("dim", figures.join(", "))}`)
  if (hasContent(step.request)) terminal.print(`      args    ${short(compact(step.request), WIDTH)}`)
  if (hasContent(step.result)) terminal.print(`      result  ${short(compact(step.result), WIDTH)}`)
}

function verdictOf({ verdict }: StepRow): string {
  return verdict ? short(`${verdict.decision}${verdict.reason ? ` (${verdict.reason})` : ""}`, WIDTH) : ""
}

function endings(run: RunTrace, terminal: Terminal): void {
  if (run.questions.length > 0) title(terminal, "Questions")
  for (const { code, state, display } of run.questions) {
    terminal.print(`  ${plain(code)}  ${plain(state).padEnd(9)}  ${short(display, WIDTH)}`)
  }
  if (run.replies.length > 0) title(terminal, "Replies")
  for (const { channel, state, text, error } of run.replies) {
    terminal.print(`  ${plain(state).padEnd(9)}  ${plain(channel).padEnd(8)}  ${short(text, WIDTH)}`)
    if (error) terminal.print(`             ${terminal.paint("red", short(compact(error), WIDTH))}`)
  }
}

function tokens(of: Pick<StepRow, "inputTokens" | "cachedTokens" | "outputTokens">): string {
  if (!of.inputTokens && !of.outputTokens) return ""
  const cached = of.cachedTokens ? ` (${of.cachedTokens} cached)` : ""
  return `${of.inputTokens ?? 0} tokens in${cached}, ${of.outputTokens ?? 0} out`
}

function compact(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "")
}

function hasContent(value: unknown): boolean {
  return value !== null && value !== undefined && value !== "" && compact(value) !== "{}"
}
