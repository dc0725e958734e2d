/**
 * GitHub App: makes an app of the owner's own from a manifest. The owner's browser sends a form to GitHub; GitHub sends the
 * owner back with a code; the code gives the app's credentials, once. The credentials go straight into the vault and are
 * never shown (GitHub documentation, "Registering a GitHub App from a manifest").
 */
import { z } from "zod"
import { createBoundedFetch, networkFailure } from "../../base/bounded-fetch.ts"
import { Deny, Reject, Retry } from "../../base/errors.ts"
import { GITHUB_WEBHOOK } from "./webhook.ts"

/** The form that the owner's browser sends to GitHub. */
export interface AppForm {
  /** The address to which the form is sent. */
  action: string
  /** The value of the field `manifest`: JSON. */
  manifest: string
}

export interface MadeApp {
  /** GitHub's name of the app, which acts as `slug[bot]`. */
  slug: string
  /** The page on which the owner gives repositories to the app. */
  installUrl: string
  /** Whether GitHub delivers webhooks to us. */
  isCalled: boolean
}

export interface GitHubApps {
  /**
   * Begins to make an app. The form is good for one app, within an hour.
   * @param back our address, as the owner's browser reaches it.
   * @param org the organization that will own the app; the owner's account when absent.
   */
  begin(back: string, org?: string): Promise<AppForm>
  /**
   * Stores the credentials of the app. Throws `Deny` for a state that is unknown, too old or used, `Reject` for a code that
   * GitHub does not take, `Retry` when GitHub is away: then the same state may be used again.
   */
  finish(given: { code: string; state: string }, signal: AbortSignal): Promise<MadeApp>
}

export interface GitHubAppsDeps {
  /** The states of begun apps. `take` removes a state and says whether it was there, so that a state counts once. */
  states: { add(state: string): Promise<void>; take(state: string): Promise<boolean> }
  store(name: "GITHUB_APP_ID" | "GITHUB_APP_PRIVATE_KEY" | "GITHUB_WEBHOOK_SECRET", value: string): Promise<void>
  random(bytes: number): Uint8Array
  /** The address at which GitHub reaches us. Without it the app gets no webhook. */
  publicUrl?: string | undefined
  /** Base address of the API; the public one when absent. */
  apiUrl?: string | undefined
}

const API = "https://api.github.com"
/** Characters in the name of an app; GitHub's limit. */
const MAX_NAME = 34
const LIMITS = { timeoutMs: 20_000, maxBytes: 1_000_000 }
/** The path, below our address, to which GitHub sends the owner back. */
export const APP_MADE = "/setup/github/made"

const conversion = z.object({
  id: z.number().int().positive(),
  slug: z.string().min(1),
  html_url: z.url(),
  pem: z.string().min(1),
  webhook_secret: z.string().min(1).nullish(),
})

export function createGitHubApps(deps: GitHubAppsDeps): GitHubApps {
  return {
    async begin(back, org) {
      const state = Buffer.from(deps.random(32)).toString("base64url")
      await deps.states.add(state)
      const owner = org ? `/organizations/${encodeURIComponent(org)}` : ""
      const action = `${githubSite(deps.apiUrl)}${owner}/settings/apps/new?state=${state}`
      return { action, manifest: JSON.stringify(manifestOf(back, deps.publicUrl)) }
    },
    async finish({ code, state }, signal) {
      if (!(await deps.states.take(state)))
        throw new Deny("this app was not begun here, or more than an hour ago, or is finished already", {
          code: "bad_state",
          fix: "Begin again on the page /setup/github.",
        })
      const made = await convert(deps.apiUrl ?? API, code, signal).catch(async (error: unknown) => {
        // GitHub did not use the code, so the owner may press the button again.
        if (error instanceof Retry) await deps.states.add(state)
        throw error
      })
      await deps.store("GITHUB_APP_PRIVATE_KEY", made.pem)
      if (made.webhook_secret) await deps.store("GITHUB_WEBHOOK_SECRET", made.webhook_secret)
      await deps.store("GITHUB_APP_ID", String(made.id))
      const { slug, html_url: url } = made
      return { slug, installUrl: `${url}/installations/new`, isCalled: Boolean(made.webhook_secret) }
    },
  }
}

/** The manifest. It asks for no more rights than triage needs: labels and assignees are part of issues. */
function manifestOf(back: string, publicUrl: string | undefined): object {
  const name = `vigil-${new URL(publicUrl ?? back).hostname.replaceAll(/[^a-z\d]+/gi, "-")}`
  return {
    name: name.slice(0, MAX_NAME).replace(/-+$/, ""),
    url: publicUrl ?? back,
    description: "Triages issues: labels them and gives them to who is on call.",
    public: false,
    redirect_url: `${back}${APP_MADE}`,
    default_permissions: { issues: "write", metadata: "read" },
    ...(publicUrl === undefined
      ? {}
      : { hook_attributes: { url: `${publicUrl}${GITHUB_WEBHOOK}`, active: true }, default_events: ["issues"] }),
  }
}

/** The site for people that belongs to an API, which is GitHub's own, `HOST/api/v3` of a server, or `api.HOST`. */
function githubSite(apiUrl: string | undefined): string {
  const { protocol, host } = new URL(apiUrl ?? API)
  return `${protocol}//${host.replace(/^api\./, "")}`
}

async function convert(apiUrl: string, code: string, signal: AbortSignal): Promise<z.output<typeof conversion>> {
  const url = `${apiUrl.replace(/\/+$/, "")}/app-manifests/${encodeURIComponent(code)}/conversions`
  const headers = { accept: "application/vnd.github+json", "user-agent": "vigil" }
  const answer = await createBoundedFetch(LIMITS)(url, { method: "POST", headers, signal }).catch((error: unknown) => {
    throw networkFailure(error) ?? error
  })
  if (answer.status >= 500) throw new Retry(`GitHub is away (${answer.status})`, { code: "github_away" })
  if (!answer.ok)
    throw new Reject(400, "GitHub does not know this code: it works once, within an hour", {
      code: "bad_code",
      fix: "Begin again on the page /setup/github; an app that was made before can be deleted at GitHub.",
    })
  return conversion.parse(await answer.json())
}
