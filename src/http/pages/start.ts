/** Start: how a browser gets in. Looking at a link changes nothing, since chat apps fetch links for previews. */
import { html } from "ghtml"

export function confirmBody(key: string): string {
  return html`<section class="card">
<h1>Sign in to Vigil</h1>
<p>This link works once. It signs this browser in for 12 hours.</p>
<form method="post" action="/start"><input type="hidden" name="k" value="${key}"><button autofocus>Sign in</button></form>
</section>`
}

export function deadLinkBody(): string {
  return html`<section class="card">
<h1>This link no longer works</h1>
<p>It was used, or it is older than 30 minutes. Make a new one in Vigil's folder:</p>
<pre>npx vigil link</pre>
</section>`
}

export function signInBody(message: string): string {
  return html`<section class="card">
<h1>Vigil</h1>
<p>${message}</p>
<p>Open the one-time link from Vigil's log, or make a new one in Vigil's folder:</p>
<pre>npx vigil link</pre>
</section>`
}
