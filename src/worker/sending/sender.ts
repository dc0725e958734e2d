/**
 * Sender: hands outbox messages to their channels, in order, one at a time a thread. What was surely refused is tried
 * again; what may have arrived is looked up, or sent once more where the channel cannot say, never blindly twice.
 */
import type { CircuitBreaker } from "../../base/circuit-breaker.ts"
import type { Clock } from "../../base/clock.ts"
import { codeOf, messageOf, Retry, Uncertain, VigilError } from "../../base/errors.ts"
import type { Log } from "../../base/log.ts"
import type { Channel, ChannelId, Found, Outgoing } from "../../channels/channel.ts"
import { isDatabaseAway } from "../../db/errors.ts"
import { retryWhileAway } from "../../db/retry.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { Outbox, Sending, TakenMessage } from "../../thread/outbox/outbox.ts"
import type { Throttle } from "./throttle.ts"

/** Shorter than the time after which a sender counts as dead. */
const SEND_TIMEOUT_MS = 15_000
/** For so long the database may be away while it is to be stored that a message was accepted. */
const STORING_MS = 10_000
const TRIES = 8
const MAX_DELAY_MS = 10 * 60_000
/** For so long after a message was made, its provider is asked again whether it came, when it did not answer. */
const LOOKUP_MS = 3600_000
/** A message that may have arrived is sent at most this often where there is nobody to ask. */
const BLIND_SENDS = 2

export interface SenderDeps {
  /** Leaves channels alone that do not answer. */
  breaker?: CircuitBreaker
  /** Keeps channels to what their providers take; without it nothing waits. */
  throttle?: Throttle | undefined
  /** Until when a message must wait for its person's quiet hours to end; null when it may go. */
  heldUntil?: (message: TakenMessage, now: Date) => Promise<Date | null>
  /** Takes secrets out of what a provider says of a failure, which is kept with the message and shown. */
  scrub?: (text: string) => string
  outbox: Outbox
  channels: ReadonlyMap<ChannelId, Channel>
  notifier: Notifier
  clock: Clock
  log: Log
}

export interface Sender {
  /** Sends what waits on a thread. */
  deliver(threadId: string): Promise<void>
  /** Takes up what nobody is sending: due retries, and messages of senders that died. */
  sweep(): Promise<void>
  stop(): Promise<void>
}

export function createSender(deps: SenderDeps): Sender {
  const { outbox, notifier, clock } = deps
  const busy = new Map<string, Promise<void>>()
  let stopping = false

  const drain = async (threadId: string) => {
    for (let more = true; more && !stopping; ) {
      const message = await outbox.take(threadId, clock.now())
      if (!message) return
      more = message.more
      const until = (await deps.heldUntil?.(message, clock.now())) ?? null
      if (until) await outbox.hold(message.id, until)
      else await send(deps, message)
      notifier.notify("thread", threadId)
    }
  }

  const deliver = (threadId: string): Promise<void> => {
    const turn = (busy.get(threadId) ?? Promise.resolve())
      .then(() => drain(threadId))
      .catch((error: unknown) => deps.log.error("deliver_failed", { thread: threadId, error }))
      .finally(() => {
        if (busy.get(threadId) === turn) busy.delete(threadId)
      })
    busy.set(threadId, turn)
    return turn
  }

  const unsubscribe = notifier.listen("outbox", (threadId) => void deliver(threadId))
  return {
    deliver,
    async sweep() {
      for (const message of await outbox.adoptDead())
        await settleUncertain(deps, message, { code: "sender_died", message: "the sender died while sending" })
      for (const threadId of await outbox.waiting(clock.now())) if (!busy.has(threadId)) void deliver(threadId)
    },
    async stop() {
      stopping = true
      unsubscribe()
      await Promise.all(busy.values())
    },
  }
}

async function send(deps: SenderDeps, message: TakenMessage): Promise<void> {
  const { outbox, channels, clock, log } = deps
  const channel = channels.get(message.channel)
  if (!channel) return outbox.failed(message.id, { code: "not_mounted", message: `${message.channel} is not set up` })
  const wait = await waitFor(deps, channel, message)
  if (wait) return outbox.delay(message.id, wait.until, { code: wait.code, message: wait.message })
  const done = partsOf(message)
  const accepted = [...done]
  try {
    const signal = AbortSignal.timeout(SEND_TIMEOUT_MS)
    const receipt = await channel.send({
      id: message.id,
      target: message.target,
      ...contentOf(message),
      ...markOf(channel, message),
      signal,
      done,
      async onPart(providerId) {
        await stored(() => outbox.part(message.id, providerId))
        accepted.push(providerId)
      },
    })
    deps.breaker?.answered(channel.id)
    await stored(() => outbox.sent(message.id, receipt.providerId, clock.now()))
    log.info("sent", { outbox: message.id, channel: channel.id, segments: receipt.segments ?? null })
  } catch (error) {
    await settleError(deps, { ...message, providerId: accepted.join(",") || null }, error)
  }
}

/** @param message with the parts that were accepted. */
async function settleError(deps: SenderDeps, message: TakenMessage, error: unknown): Promise<void> {
  // It may have been accepted: it stays in hand, and whoever sweeps when its time is over asks what became of it.
  if (!(error instanceof VigilError) && isDatabaseAway(error)) throw error
  const { outbox, clock, scrub = (text: string) => text } = deps
  tell(deps.breaker, message.channel, error)
  const described = { code: codeOf(error), message: scrub(messageOf(error)) }
  deps.log.warn("send_error", { outbox: message.id, channel: message.channel, attempts: message.attempts, error })
  if (error instanceof Uncertain) await settleUncertain(deps, message, described)
  else if (error instanceof Retry && message.attempts < TRIES)
    await outbox.retry(message.id, later(clock, message.attempts, error.afterMs), described)
  else await outbox.failed(message.id, described)
}

/** What a provider took must be known, or it would go a second time. */
function stored(store: () => Promise<void>): Promise<void> {
  return retryWhileAway(store, { patienceMs: STORING_MS })
}

/** Whoever may get it twice is told so; at the end, where it leaves the parts before it as they were. */
function markOf(channel: Channel, { maybeSent, body }: TakenMessage): { text?: string } {
  const isTwice = maybeSent && !channel.lookup && !channel.capabilities.once
  return isTwice ? { text: `${body.text}\n\n_(Sent again: nobody could say whether it arrived the first time.)_` } : {}
}

/** Why and until when a message may not go yet; null when it may. What the breaker holds back counts against no limit. */
async function waitFor({ breaker, throttle, clock }: SenderDeps, channel: Channel, message: Sending) {
  const pausedMs = breaker?.admit(channel.id) ?? 0
  if (pausedMs > 0) {
    const until = new Date(clock.now().getTime() + pausedMs)
    return { until, code: "channel_paused", message: `${channel.id} does not answer` }
  }
  const { target } = message
  const until = (await throttle?.admit(channel, { target, ...contentOf(message), done: partsOf(message) })) ?? null
  if (until) breaker?.waived(channel.id)
  return until && { until, code: "paced", message: `${channel.id} takes no more right now` }
}

/** What asks for an approval is never cut: its end says how to answer. */
function contentOf({ body, urgency }: Sending): Pick<Outgoing, "text" | "buttons" | "expiresAt" | "plain" | "brief"> {
  const { text, buttons, expiresAt, plain } = body
  return {
    text,
    ...(buttons ? { buttons } : {}),
    ...(expiresAt ? { expiresAt: new Date(expiresAt) } : {}),
    ...(plain ? { plain } : {}),
    ...(urgency === "reply" && !buttons ? { brief: true } : {}),
  }
}

/** What a failed send says of its channel: nothing, when the failure is our own. */
function tell(breaker: CircuitBreaker | undefined, channel: ChannelId, error: unknown): void {
  if (error instanceof Retry) breaker?.failed(channel, error.afterMs)
  else if (error instanceof Uncertain) breaker?.failed(channel)
  else if (error instanceof VigilError) breaker?.answered(channel)
}

/** The message may have arrived: the channel is asked; where it cannot know, it is sent once more and then left uncertain. */
async function settleUncertain(
  deps: SenderDeps,
  message: Sending,
  error: { code: string; message: string },
): Promise<void> {
  const { outbox, clock } = deps
  await outbox.reconciling(message.id, error)
  const found = await lookUp(deps, message)
  if (typeof found === "object") return settleFound(deps, message, found, error)
  // Still in our hands: whoever sweeps when its time is over asks once more.
  if (found === "away" && clock.now().getTime() - message.createdAt.getTime() < LOOKUP_MS) return
  const mayAsk = deps.channels.get(message.channel)?.lookup !== undefined
  const again = found === "absent" ? message.attempts < TRIES : !mayAsk && message.attempts < BLIND_SENDS
  if (again) await outbox.retry(message.id, later(clock, message.attempts), error, found !== "absent")
  else await outbox.uncertain(message.id, error)
}

async function settleFound(
  { outbox, clock }: SenderDeps,
  message: Sending,
  found: Found,
  error: object,
): Promise<void> {
  if ("providerId" in found) return outbox.sent(message.id, found.providerId, clock.now())
  for (const part of found.arrived) await outbox.part(message.id, part)
  await outbox.retry(message.id, later(clock, message.attempts), error)
}

/** What the provider says: its receipt, that it never came, that it cannot tell, or nothing now. */
async function lookUp({ channels, log }: SenderDeps, message: Sending): Promise<Found | "absent" | "unknown" | "away"> {
  const channel = channels.get(message.channel)
  const since = message.createdAt
  const signal = AbortSignal.timeout(SEND_TIMEOUT_MS)
  const { id, target } = message
  try {
    return (
      (await channel?.lookup?.({ id, target, ...contentOf(message), done: partsOf(message), since, signal })) ??
      "unknown"
    )
  } catch (error) {
    log.warn("lookup_error", { outbox: message.id, error })
    return error instanceof Retry ? "away" : "unknown"
  }
}

function later(clock: Clock, attempts: number, afterMs?: number): Date {
  return new Date(clock.now().getTime() + (afterMs ?? Math.min(500 * 4 ** (attempts - 1), MAX_DELAY_MS)))
}

function partsOf(message: Sending): string[] {
  return message.providerId?.split(",") ?? []
}
