/** Home: the chat, and beside it what needs the owner and what ran. Its parts are also sent alone when they change. */
import { html } from "ghtml"
import type { Status } from "../../contract/installation/status.ts"
import type { DemoResult } from "../../contract/work/demo.ts"
import type { Pairing } from "../../thread/inbox/pairing.ts"
import type { ThreadMessage } from "../../thread/outbox/conversation.ts"
import type { UncertainDelivery } from "../../thread/outbox/uncertain-deliveries.ts"
import type { ApprovalRecord, RunSummary } from "../../thread/runs/trace.ts"
import { count, moment, price, took } from "./format.ts"
import { markup } from "./markup.ts"
import { pairForm, pairPart } from "./pairing.ts"
import { uncertainPart } from "./uncertain-deliveries.ts"

export interface HomePage {
  messages: ThreadMessage[]
  approvals: ApprovalRecord[]
  uncertain: UncertainDelivery[]
  runs: RunSummary[]
  /** Null when it cannot be told right now. */
  status: Status | null
  zone: string
  demo?: DemoResult
  pairing?: Pairing
}

export function homeBody(home: HomePage): string {
  return html`<div class="home">
<section class="chat" aria-labelledby="chat-title">
<h1 id="chat-title" class="sr">Chat with Vigil</h1>
<div id="log" role="log" aria-live="polite" aria-label="Messages" tabindex="0">!${logPart(home)}</div>
<form id="say" method="post" action="/messages" hx-post="/messages" hx-target="#log" hx-swap="innerMorph">
<label class="sr" for="text">Message</label>
<textarea id="text" name="text" rows="2" maxlength="20000" required autofocus placeholder="Say something. /help lists commands."></textarea>
<button>Send</button>
</form>
</section>
<aside aria-label="Overview">
!${statusPart(home.status)}
!${pairForm(home.pairing ? pairPart(home.pairing, home.zone) : "")}
<section aria-labelledby="approvals-title"><h2 id="approvals-title">Needs you</h2><div id="approvals" aria-live="polite">!${approvalsPart(home)}</div></section>
<section aria-labelledby="demo-title"><h2 id="demo-title">Demo</h2>
<form method="post" action="/demo" hx-post="/demo" hx-target="#demo" hx-swap="innerHTML"><button>Run the demo triage</button></form>
<div id="demo" aria-live="polite">!${home.demo ? demoPart(home.demo) : ""}</div></section>
<section aria-labelledby="runs-title"><h2 id="runs-title">Last runs</h2><div id="runs">!${runsPart(home)}</div></section>
</aside>
<div hx-sse:connect="/live" hx-swap="none"></div>
</div>`
}

export function logPart({ messages, zone }: Pick<HomePage, "messages" | "zone">): string {
  if (messages.length === 0) return html`<p class="hint">Nothing was said yet.</p>`
  return messages.map((message, index) => messagePart(message, zone, index === messages.length - 1)).join("")
}

function messagePart(message: ThreadMessage, zone: string, isLast: boolean): string {
  const isPerson = message.from === "person"
  const words = isPerson ? html`${message.text}` : markup(message.text)
  const state = isPerson ? "" : message.state
  return html`<article id="m-${message.id}" class="letter ${message.from}">
<h3 class="sr">${isPerson ? "You" : "Vigil"}</h3><div class="words">!${words}</div>
<footer><time datetime="${message.at.toISOString()}">${moment(message.at, zone)}</time> ${state} !${message.runId ? runLink(message.runId) : ""}</footer>
!${isLast ? message.buttons.map(buttonPart).join("") : ""}
</article>`
}

function runLink(id: string): string {
  return html`<a href="/runs/${id}">why</a>`
}

function buttonPart({ label, reply }: { label: string; reply: string }): string {
  return html`<form class="inline" method="post" action="/messages" hx-post="/messages" hx-target="#log" hx-swap="innerMorph">
<input type="hidden" name="text" value="${reply}"><button>${label}</button></form>`
}

function statusPart(status: Status | null): string {
  if (!status) return html`<p class="status error">The state of this installation cannot be told right now.</p>`
  const { model, channels, database } = status
  const name = model.offline
    ? html`<strong class="badge warn">OFFLINE</strong> commands only: ${model.because}`
    : html`<strong>${model.model}</strong> ${model.provider}, ${model.because}`
  const places = channels.map(
    (c) => html`<li><span class="badge ${c.state}">${c.state}</span> ${c.id} <small>${c.detail}</small></li>`,
  )
  return html`<section class="status" aria-label="Status"><p>Model: !${name}</p><ul>!${places.join("")}</ul>
<p>Database: ${database.kind === "pglite" ? "embedded" : "Postgres"}. Vigil ${status.version}</p></section>`
}

export function approvalsPart({
  approvals,
  uncertain,
  zone,
}: Pick<HomePage, "approvals" | "uncertain" | "zone">): string {
  if (approvals.length + uncertain.length === 0) return html`<p class="hint">Nothing waits for you.</p>`
  const parts = [
    ...approvals.map((approval) => approvalPart(approval, zone)),
    ...uncertain.map((delivery) => uncertainPart(delivery, zone)),
  ]
  return parts.join("")
}

/** What a person may say to each kind of approval. */
const VERDICTS = {
  approval: [
    ["yes", "Approve"],
    ["no", "Deny"],
  ],
  uncertain: [
    ["yes", "It happened"],
    ["again", "Do it again"],
    ["no", "Skip"],
  ],
} as const

function approvalPart({ code, display, expiresAt, kind, runId }: ApprovalRecord, zone: string): string {
  const buttons = VERDICTS[kind].map(([value, label]) => verdictPart(code, value, label))
  return html`<form id="q-${code}" class="question" method="post" action="/approvals/${code}" hx-post="/approvals/${code}" hx-target="#approvals" hx-swap="innerHTML">
<p><strong>${code}</strong> <span class="words">${display}</span></p>
<p><small>expires ${moment(expiresAt, zone)}</small> !${runLink(runId)}</p>
!${buttons.join(" ")}
</form>!${kind === "approval" ? changePart(code) : ""}`
}

/** Its own form: the key for "enter" in the field must never approve. */
function changePart(code: string): string {
  return html`<form class="change" method="post" action="/approvals/${code}" hx-post="/approvals/${code}" hx-target="#approvals" hx-swap="innerHTML">
<input name="words" required maxlength="2000" placeholder="Or say what to do instead" aria-label="What to do instead of ${code}">
<button name="verdict" value="change" aria-label="Change ${code}">Change</button></form>`
}

function verdictPart(code: string, value: string, label: string): string {
  return html`<button name="verdict" value="${value}" class="${value}" aria-label="${label} ${code}">${label}</button>`
}

export function runsPart({ runs, zone }: Pick<HomePage, "runs" | "zone">): string {
  if (runs.length === 0) return html`<p class="hint">Nothing ran yet.</p>`
  return html`<ol class="runs">!${runs.map((run) => runPart(run, zone)).join("")}</ol>`
}

function runPart(run: RunSummary, zone: string): string {
  const tokens = run.inputTokens + run.outputTokens
  return html`<li><a href="/runs/${run.id}">${run.trigger || run.kind}</a>
<span class="badge ${run.state}">${run.state}</span>
<small>${run.kind}, ${run.channel}, <time datetime="${run.startedAt.toISOString()}">${moment(run.startedAt, zone)}</time>,
${took(run.durationMs)}, ${count(tokens)} tokens, ${price(run.costUsd)}</small></li>`
}

export function demoPart(demo: DemoResult): string {
  return html`<p>${demo.issues} issues: ${demo.applied} decided, ${demo.pending} for you to approve. The digest, ${demo.segments} SMS segments:</p>
<pre class="digest">${demo.digest}</pre>`
}
