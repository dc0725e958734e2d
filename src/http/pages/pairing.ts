/** Pairing: the small form beside the channels that makes a code for a new person or address, and the code once it is made. */
import { html } from "ghtml"
import type { Pairing } from "../../thread/inbox/pairing.ts"
import { moment } from "./format.ts"

/** @param made what `pairPart` made, or nothing. */
export function pairForm(made: string): string {
  return html`<section aria-labelledby="pair-title"><h2 id="pair-title">Let someone in</h2>
<form method="post" action="/pairings" hx-post="/pairings" hx-target="#pairing" hx-swap="innerHTML">
<label>Name, or "me" for another address of yours <input name="name" maxlength="80" autocomplete="off"></label> <button>Make a code</button></form>
<div id="pairing" aria-live="polite">!${made}</div></section>`
}

export function pairPart({ code, person, expiresAt }: Pairing, zone: string): string {
  return html`<p><strong><code>${code}</code></strong></p>
<p class="hint">Whoever texts exactly this on Telegram or SMS is ${person}. It works once, until ${moment(expiresAt, zone)}.</p>`
}
