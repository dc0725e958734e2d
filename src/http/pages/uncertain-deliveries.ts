/** The part of the page for messages that may not have arrived: each with what the owner may say of it. */
import { html } from "ghtml"
import type { UncertainDelivery } from "../../thread/outbox/uncertain-deliveries.ts"
import { moment } from "./format.ts"

const VERDICTS = [
  ["yes", "It arrived"],
  ["again", "Send it again"],
  ["no", "Leave it"],
] as const

const SHOWN = 200

export function uncertainPart({ id, channel, text, createdAt }: UncertainDelivery, zone: string): string {
  const words = text.length > SHOWN ? `${text.slice(0, SHOWN).toWellFormed()}...` : text
  const buttons = VERDICTS.map(
    ([value, label]) => html`<button name="verdict" value="${value}" class="${value}">${label}</button>`,
  )
  return html`<form id="d-${id}" class="question" method="post" action="/doubts/${id}" hx-post="/doubts/${id}" hx-target="#approvals" hx-swap="innerHTML">
<p>Did this arrive by ${channel}? <span class="words">${words}</span></p>
<p><small>from ${moment(createdAt, zone)}</small></p>
!${buttons.join(" ")}
</form>`
}
