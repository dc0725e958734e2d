/**
 * GitHub App: the pages on which the owner makes one. Each step is a button, so that a link alone does nothing; what GitHub
 * sends back is used up by the owner's own form, with the owner's own session.
 */
import type { FastifyInstance, FastifyReply } from "fastify"
import { html } from "ghtml"
import { z } from "zod"
import { APP_MADE, type AppForm, type GitHubApps, type MadeApp } from "../../channels/github/app.ts"
import { policyWithForms } from "../headers.ts"

export interface AppPageDeps {
  apps: GitHubApps
  publicUrl: string | undefined
  /** A page of ours around a fragment. */
  page(title: string, body: string, isOwner: boolean): string
}

const HTML = "text/html; charset=utf-8"
const TITLE = "GitHub App"
const wanted = z.object({
  org: z
    .string()
    .trim()
    .regex(/^(?:[a-z\d](?:[a-z\d-]{0,38}))?$/i, "is no organization's name")
    .default(""),
})
const returned = z.object({ code: z.string().regex(/^[\w-]{1,100}$/), state: z.string().regex(/^[\w-]{20,100}$/) })

/** For the owner: begins and ends. */
export function mountAppPages(app: FastifyInstance, { apps, publicUrl, page }: AppPageDeps): void {
  app.get("/setup/github", async (request, reply) => {
    const { org } = wanted.parse(request.query)
    return reply.type(HTML).send(page(TITLE, beginBody(org, publicUrl), true))
  })

  app.post("/setup/github", async (request, reply) => {
    const { org } = wanted.parse(request.body ?? {})
    const back = publicUrl ?? `${request.protocol}://${request.host}`
    const form = await apps.begin(back, org)
    reply.header("content-security-policy", policyWithForms(new URL(form.action).origin))
    return reply.type(HTML).send(page(TITLE, sendBody(form), true))
  })

  app.post(APP_MADE, async (request, reply) => {
    const made = await apps.finish(returned.parse(request.body ?? {}), AbortSignal.timeout(30_000))
    return reply.type(HTML).send(page(TITLE, madeBody(made), true))
  })
}

/** For anybody: GitHub's redirect comes from another site, so the browser sends no session with it. Changes nothing. */
export function mountAppReturn(app: FastifyInstance, { page }: Pick<AppPageDeps, "page">): void {
  app.get(APP_MADE, async (request, reply: FastifyReply) => {
    const given = returned.safeParse(request.query)
    reply.type(HTML)
    if (given.success) return reply.send(page(TITLE, returnBody(given.data), false))
    return reply.code(400).send(page(TITLE, lostBody(), false))
  })
}

function beginBody(org: string, publicUrl: string | undefined): string {
  const hook = publicUrl
    ? html`GitHub will deliver issues to <code>${publicUrl}</code> at once.`
    : html`Without <code>PUBLIC_URL</code> GitHub cannot call this server: issues are asked for every 15 minutes.`
  return html`<section class="card">
<h1>Make a GitHub App</h1>
<p>An app of your own reads the issues of the repositories you choose, labels and assigns them under its own name, and may do nothing else. !${hook}</p>
<form method="post" action="/setup/github">
<label>Organization that owns it, or nothing for your own account <input name="org" maxlength="39" value="${org}" autocomplete="off"></label>
<button>Prepare it</button></form>
</section>`
}

function sendBody({ action, manifest }: AppForm): string {
  return html`<section class="card">
<h1>Make it at GitHub</h1>
<p>GitHub shows the name, which you can change, and asks you to confirm. Then it sends you back here. This works for an hour.</p>
<form method="post" action="${action}"><input type="hidden" name="manifest" value="${manifest}"><button autofocus>Go on at GitHub</button></form>
</section>`
}

function returnBody({ code, state }: z.output<typeof returned>): string {
  return html`<section class="card">
<h1>GitHub made the app</h1>
<p>Its key and its webhook's secret are now fetched and put into the vault.</p>
<form method="post" action="${APP_MADE}"><input type="hidden" name="code" value="${code}"><input type="hidden" name="state" value="${state}"><button autofocus>Finish</button></form>
</section>`
}

function lostBody(): string {
  return html`<section class="card"><h1>Nothing to finish</h1>
<p>GitHub sent no code. <a href="/setup/github">Begin again</a></p></section>`
}

function madeBody({ slug, installUrl, isCalled }: MadeApp): string {
  const secret = isCalled ? " and its webhook's secret" : ""
  return html`<section class="card">
<h1>The app ${slug} is ready</h1>
<p>Its number, its key${secret} are in the vault. Three steps are left:</p>
<ol>
<li><a href="${installUrl}" rel="noopener noreferrer">Install it</a> on the repositories that Vigil shall look after.</li>
<li>Set <code>GITHUB_REPOS</code> to them, as <code>owner/name,owner/other</code>.</li>
<li>Restart Vigil: it reads all of this when it starts.</li>
</ol>
</section>`
}
