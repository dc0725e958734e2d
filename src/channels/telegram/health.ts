/**
 * Health: whether Telegram's messages can reach us, as Telegram itself sees it. Addresses of other programs are shown by
 * their host only: the rest of a webhook's address is often a secret.
 */
import { Misconfigured, Retry } from "../../base/errors.ts"
import type { CallTelegram } from "./api.ts"

/** A failed delivery this long ago is of no interest once nothing waits any more. */
const RECENT_MS = 3_600_000

/** The part of the Bot API's `WebhookInfo` that we read. */
interface WebhookInfo {
  url?: string
  pending_update_count: number
  /** Seconds since the epoch. */
  last_error_date?: number
  last_error_message?: string
}

/**
 * What is worth knowing, empty when all is as it should be. `expected` is the webhook that should be set, null where we
 * poll. Throws `Misconfigured` when updates go elsewhere, `Retry` when deliveries fail.
 */
export async function deliveryHealth(
  call: CallTelegram,
  expected: string | null,
  now: Date,
  signal: AbortSignal,
): Promise<string> {
  const info: WebhookInfo = await call((api, stop) => api.getWebhookInfo(stop), signal)
  refuseElsewhere(info.url ?? "", expected)
  const waiting = info.pending_update_count
  const failure = info.last_error_message
  const failedAt = new Date((info.last_error_date ?? 0) * 1000)
  const isRecent = now.getTime() - failedAt.getTime() < RECENT_MS
  if (expected !== null && failure !== undefined && isRecent) {
    const said = `Telegram could not deliver at ${failedAt.toISOString()}: ${failure}`
    if (waiting === 0) return `${said}; nothing waits any more`
    throw new Retry(`${said}; ${updates(waiting)} wait`, {
      code: "webhook_failing",
      fix: `See that ${expected} can be reached from outside.`,
    })
  }
  return waiting === 0 ? "" : `${updates(waiting)} wait at Telegram`
}

function refuseElsewhere(url: string, expected: string | null): void {
  if (url === (expected ?? "")) return
  const fix = "Restart Vigil to take the bot back, and give every program a bot of its own."
  if (expected === null)
    throw new Misconfigured(
      `a webhook of another program is set (${hostOf(url)}), so nothing can be polled; restart Vigil to take the bot back`,
      { fix, code: "webhook_elsewhere" },
    )
  const where = url === "" ? "nowhere" : `to ${hostOf(url)}`
  throw new Misconfigured(`Telegram delivers ${where} instead of to ${expected}; restart Vigil to set its webhook`, {
    fix,
    code: "webhook_elsewhere",
  })
}

const updates = (count: number) => `${count} update${count === 1 ? "" : "s"}`

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? "an address that is none"
}
