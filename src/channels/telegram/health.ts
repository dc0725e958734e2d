/**
 * Health: whether Telegram can deliver updates to us, as Telegram itself reports it. Of another program's address only the
 * host is shown, because the rest of a webhook's address is often a secret.
 */
import { Misconfigured, Retry } from "../../base/errors.ts"
import type { CallTelegram } from "./api.ts"

/** Milliseconds. A failed delivery that is older than this is not reported. */
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
 * What is worth knowing about deliveries, as a sentence; empty when all is well. `expected` is the address of our webhook,
 * null where Vigil polls. Throws `Misconfigured` when updates go to another program, `Retry` when deliveries fail.
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
    const problem = `Telegram could not deliver at ${failedAt.toISOString()}: ${failure}`
    if (waiting === 0) return `${problem}; nothing waits any more`
    throw new Retry(`${problem}; ${updates(waiting)} wait`, {
      code: "webhook_failing",
      fix: `Make sure that ${expected} can be reached from outside.`,
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
