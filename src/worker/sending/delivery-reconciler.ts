/**
 * Delivery reconciler: asks the provider for the delivery outcome of each message without a report. Reports get lost, and
 * without a public address none arrive. A message that surely did not arrive then fails as one with a report does, so its
 * fallback is sent.
 */
import type { Clock } from "../../base/clock.ts"
import { Reject } from "../../base/errors.ts"
import type { Log } from "../../base/log.ts"
import type { Channel, ChannelId, DeliveryOutcome } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { Outbox } from "../../thread/outbox/outbox.ts"
import { type Unreported, unreported } from "../../thread/outbox/unreported.ts"

export interface DeliveryReconcilerDeps {
  db: Tx
  outbox: Pick<Outbox, "reported">
  /** Channels without `deliveryOutcome` are left alone. */
  channels: ReadonlyMap<ChannelId, Pick<Channel, "deliveryOutcome">>
  /** Whether providers send reports by themselves. Then the provider is asked only about a report that is long overdue. */
  hasReports: boolean
  notifier: Pick<Notifier, "notify">
  clock: Clock
  log: Log
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** The ages of a message at which its provider is asked. After the last one it is given up: some carriers never report. */
const AGES = {
  reports: [12 * HOUR_MS, 36 * HOUR_MS],
  none: [MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 12 * HOUR_MS],
}
/** How long after the last age a provider is still asked once, for the case that no process ran at that age. */
const GRACE_MS = 24 * HOUR_MS
const MESSAGES_A_ROUND = 10
const TIMEOUT_MS = 10_000

/** @returns the chore: one round of at most ten messages. */
export function createDeliveryReconciler(deps: DeliveryReconcilerDeps): () => Promise<void> {
  const { db, channels, clock, log } = deps
  const ages = deps.hasReports ? AGES.reports : AGES.none
  /** For each message the index in `ages` at which its provider was asked last. */
  const asked = new Map<string, number>()
  const askable = [...channels].flatMap(([id, channel]) => (channel.deliveryOutcome ? [id] : []))
  const ageOf = (message: Unreported, now: Date) =>
    ages.findLastIndex((age) => now.getTime() - message.sentAt.getTime() >= age)

  async function dueAt(now: Date): Promise<Unreported[]> {
    const before = (ms: number) => new Date(now.getTime() - ms)
    const from = before((ages.at(-1) ?? 0) + GRACE_MS)
    const open = await unreported(db, { channels: askable, from, until: before(ages[0] ?? 0) })
    const known = new Set(open.map(({ id }) => id))
    for (const id of asked.keys()) if (!known.has(id)) asked.delete(id)
    return open.filter((message) => ageOf(message, now) > (asked.get(message.id) ?? -1))
  }

  async function ask(message: Unreported, now: Date): Promise<void> {
    try {
      await settle(deps, message)
      asked.set(message.id, ageOf(message, now))
    } catch (error) {
      log.warn("delivery_outcome_unknown", { outbox: message.id, error })
      // The provider does not have the message, or has it no more: another request would not help.
      if (error instanceof Reject) asked.set(message.id, ages.length)
    }
  }

  return async () => {
    if (askable.length === 0) return
    const now = clock.now()
    for (const message of (await dueAt(now)).slice(0, MESSAGES_A_ROUND)) await ask(message, now)
  }
}

async function settle({ outbox, channels, notifier, log }: DeliveryReconcilerDeps, message: Unreported): Promise<void> {
  const { id: outboxId, channel, parts } = message
  const outcomes: DeliveryOutcome[] = []
  for (const part of parts) {
    const deliveryOutcome = await channels.get(channel)?.deliveryOutcome?.(part, AbortSignal.timeout(TIMEOUT_MS))
    if (deliveryOutcome) outcomes.push(deliveryOutcome)
    if (deliveryOutcome?.price) log.info("message_price", { outbox: outboxId, channel, ...deliveryOutcome.price })
  }
  const failed = outcomes.find((deliveryOutcome) => deliveryOutcome.state === "failed")
  const isDelivered =
    outcomes.length === parts.length && outcomes.every((deliveryOutcome) => deliveryOutcome.state === "delivered")
  if (!failed && !isDelivered) return
  const state = failed ? ("failed" as const) : ("delivered" as const)
  const threadId = await outbox.reported({
    channel,
    providerId: parts.join(","),
    outboxId,
    state,
    error: failed?.failure,
  })
  if (threadId) notifier.notify("thread", threadId)
}
