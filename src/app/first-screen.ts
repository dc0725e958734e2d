/** First screen: the text that `npm start` shows: the address to open, what works, what is missing, what to do next. */
import type { App } from "./app.ts"
import { VERSION } from "./version.ts"

/** @param readyMs milliseconds from the start of the process until it was ready. */
export async function firstScreen(app: App, readyMs: number): Promise<string> {
  const { model, channels, infrastructure } = app
  const { identity } = model
  const lines = [
    `vigil ${VERSION}  ready in ${(readyMs / 1000).toFixed(1)} s at ${app.url}`,
    "",
    `  Open      ${await app.ownerLink()}   (one-time link, 30 minutes; another: npx vigil link)`,
    model.offline
      ? `  Model     OFFLINE (${identity.because}): remembering, recall, reminders, schedules, triage by rules and past decisions,`
      : `  Model     ${identity.model} (${identity.provider}; ${identity.because})`,
    ...(model.offline
      ? ["            digests and approvals work; free talk needs a model: set OPENAI_API_KEY or OPENAI_BASE_URL"]
      : []),
    `  Channels  web, terminal (npm run chat)   Telegram: ${channels.telegram ? on(channels.telegram.webhook !== null && !!infrastructure.config.PUBLIC_URL) : "not set"}   SMS: ${channels.sms ? on(channels.sms.webhook !== null) : "not set"}   E-mail: ${emailWord(app)}   GitHub: ${githubWord(app)}`,
    `  Data      ${infrastructure.db.kind === "pglite" ? `embedded database in ${infrastructure.config.DATA_DIR}` : "Postgres"}   time zone: ${infrastructure.owner.zone ?? `${infrastructure.hostZone} (guessed; say: my timezone is ...)`}`,
    `  Next      open the link and press "Run the demo triage", or: npm run demo`,
    "",
  ]
  return `${lines.join("\n")}\n`
}

function on(webhook: boolean): string {
  return webhook ? "on (webhook)" : "on (polling)"
}

function emailWord({ channels, infrastructure }: App): string {
  if (!channels.email) return "not set"
  if (!channels.email.webhook) return "on (sends only: set EMAIL_WEBHOOK_SECRET)"
  return infrastructure.config.EMAIL_AUTHSERV_ID ? on(true) : "on (believes no sender: set EMAIL_AUTHSERV_ID)"
}

function githubWord({ channels, infrastructure }: App): string {
  if (!channels.api) return "not set"
  return `${infrastructure.config.GITHUB_REPOS.join(", ") || "no repositories: set GITHUB_REPOS"}${channels.github ? " (webhook)" : " (every 15 minutes)"}`
}
