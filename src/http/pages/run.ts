/** A run's page: why it ran, what the model was shown, each step with verdict and cost, what was said and whether it arrived. */
import { html } from "ghtml"
import type { ApprovalRecord, ContextNote, RunDetail, RunReply } from "../../thread/runs/trace.ts"
import type { RunStep } from "../../thread/runs/trace-steps.ts"
import { count, moment, pretty, price, took } from "./format.ts"

export function runBody(run: RunDetail, zone: string): string {
  const tokens = `${count(run.inputTokens)} in (${count(run.cachedTokens)} cached), ${count(run.outputTokens)} out`
  const facts: [string, string][] = [
    ["Trigger", run.kind],
    ["Channel", `${run.channel} (${run.threadKey})`],
    ["Started", moment(run.startedAt, zone)],
    ["Took", took(run.durationMs)],
    ["Model", run.model ?? "none"],
    ["Tokens", tokens],
    ["Cost", price(run.costUsd)],
    ["Content", `${run.label.integrity}, ${run.label.confidentiality}`],
    ["Failed tries", String(run.attempts)],
    ["Code", run.codeVersion],
    ["Id", run.id],
  ]
  return html`<article class="run">
<h1>${run.trigger || run.kind} <span class="badge ${run.state}">${run.state}</span></h1>
<dl class="facts">!${facts.map(fact).join("")}</dl>
!${run.error ? box("Error", run.error) : ""}
!${part(
    "Messages",
    run.events.map((event) => box(`${event.kind} from ${event.source}, ${event.state}`, event.payload)),
  )}
!${run.context ? contextPart(run.context) : ""}
!${part(
    "Questions",
    run.questions.map((approval) => approvalPart(approval, zone)),
  )}
!${part("Steps", run.steps.length === 0 ? [] : [html`<ol class="steps">!${run.steps.map((step) => stepPart(step, zone)).join("")}</ol>`])}
!${part(
    "Replies",
    run.replies.map((reply) => replyPart(reply, zone)),
  )}
</article>`
}

function fact([name, value]: [string, string]): string {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`
}

/** Nothing when it would be empty. */
function part(title: string, parts: string[]): string {
  return parts.length === 0 ? "" : html`<section><h2>${title}</h2>!${parts.join("")}</section>`
}

function box(title: string, value: unknown): string {
  return html`<details><summary>${title}</summary><pre>${pretty(value)}</pre></details>`
}

function contextPart(context: ContextNote): string {
  const { sections, recalled, ...rest } = context
  const rows = sections.map((s) => html`<tr><th scope="row">${s.name}</th><td>${count(s.tokens)}</td></tr>`)
  const found = recalled.map((m) => html`<tr><td>${m.id}</td><td>${m.text}</td><td>${m.score.toFixed(3)}</td></tr>`)
  const memories = html`<table><caption>Recalled memories</caption><thead><tr><th scope="col">Id</th><th scope="col">Memory</th><th scope="col">Score</th></tr></thead><tbody>!${found.join("")}</tbody></table>`
  return html`<section><h2>What the model was shown</h2>
<table><caption>Prompt by section</caption><thead><tr><th scope="col">Section</th><th scope="col">Tokens</th></tr></thead><tbody>!${rows.join("")}</tbody></table>
!${found.length > 0 ? memories : html`<p class="hint">No memories were recalled.</p>`}
!${box("The prompt itself", rest)}</section>`
}

function approvalPart(approval: ApprovalRecord, zone: string): string {
  const when = approval.answeredAt ? `, ${moment(approval.answeredAt, zone)} by ${approval.answeredVia ?? "?"}` : ""
  return html`<p><strong>${approval.code}</strong> <span class="words">${approval.display}</span>
<span class="badge ${approval.state}">${approval.state}</span> <small>${when}</small></p>`
}

function stepPart(step: RunStep, zone: string): string {
  const tokens =
    step.inputTokens === null
      ? ""
      : `${count(step.inputTokens)} in, ${count(step.outputTokens)} out, ${price(step.costUsd)}`
  const verdict = step.verdict
    ? html`<p>Verdict: <strong>${step.verdict.decision}</strong> ${step.verdict.reason}</p>`
    : ""
  return html`<li value="${step.n}"><p><span class="kind ${step.kind}">${step.kind}</span> <strong>${step.name}</strong>
<span class="badge ${step.state}">${step.state}</span> <small>${moment(step.startedAt, zone)}, ${took(step.durationMs)} ${tokens}</small></p>
!${verdict}!${step.request === null ? "" : box("Request", step.request)}!${step.result === null ? "" : box("Result", step.result)}</li>`
}

function replyPart(reply: RunReply, zone: string): string {
  const sent = reply.sentAt ? `sent ${moment(reply.sentAt, zone)}` : `written ${moment(reply.createdAt, zone)}`
  const isWeb = reply.channel === "web"
  const delivery = isWeb ? "" : `, ${reply.attempts} tries, ${reply.providerId ?? "no provider id yet"}`
  return html`<div class="reply"><div class="words">${reply.text}</div>
<p><span class="badge ${reply.state}">${reply.state}</span> <small>${reply.channel}, ${sent}${delivery}</small></p>
!${reply.error ? box("Error", reply.error) : ""}</div>`
}
