/**
 * Sender: hands the messages of the outbox to their channels.
 * S1 One sender at a time sends for a thread, in the order of the outbox. `outbox.take` gives nothing while another sender
 *    has a message of that thread in hand.
 * S2 A message that was surely refused is tried again after a pause, eight times in all, and the messages behind it wait. A
 *    refusal for good fails the message at once and holds up no other.
 * S3 A message that may have arrived is never sent again before its provider was asked.
 * S4 Where no provider can be asked, such a message is sent once more at most, and its text then says so.
 * S5 What a provider accepted (a message, or one part of it) is stored before anything else happens, or it would be sent
 *    twice. When it cannot be stored, the message stays in hand until S6.
 * S6 A message whose sender died is taken over by the sweep and handled as one that may have arrived.
 * S7 A message that quiet hours, the breaker or a rate limit keep back was not tried: it counts as no attempt.
 * S8 The text of a failure is stored without secrets, because it is shown to people.
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

/** Shorter than `SENDING_SECONDS`, after which a sender counts as dead: else two senders could send one message. */
const SEND_TIMEOUT_MS = 15_000
/** How long the sender tries to store an acceptance while the database is away (S5). */
const STORING_MS = 10_000
const TRIES = 8
const MAX_DELAY_MS = 10 * 60_000
/** A provider that does not answer a lookup is asked again until the message is this old. */
const LOOKUP_MS = 3600_000
/** How often in all a message is sent that may have arrived and that no provider can be asked about (S4). */
const BLIND_SENDS = 2

export interface SenderDeps {
  /** Pauses a channel that does not answer. */
  breaker?: CircuitBreaker
  /** Holds back what would pass a provider's rate limit; without it every message goes at once. */
  throttle?: Throttle | undefined
  /** When the quiet hours of the message's person end; null when the message may go now. */
  heldUntil?: (message: TakenMessage, now: Date) => Promise<Date | null>
  /** Takes secrets out of a provider's words about a failure (S8). */
  scrub?: (text: string) => string
  outbox: Outbox
  channels: ReadonlyMap<ChannelId, Channel>
  notifier: Notifier
  clock: Clock
  log: Log
}

export interface Sender {
  /** Sends the messages that wait on a thread. Never throws: a failure is logged, and the sweep tries again. */
  deliver(threadId: string): Promise<void>
  /** Takes up what no sender has in hand: messages whose next try is due, and messages of senders that died (S6). */
  sweep(): Promise<void>
  /** Begins no other message, and waits for those in hand. */
  stop(): Promise<void>
}

export function createSender(deps: SenderDeps): Sender {
  const { outbox, notifier, clock } = deps
  const busy = new Map<string, Promise<void>>()
  let stopping = false

  const drain = async (threadId: string) => {
    for (let more = true; more && !stopping; ) {
      // S1: null while another sender has a message of this thread in hand.
      const message = await outbox.take(threadId, clock.now())
      if (!message) return
      more = message.more
      const until = (await deps.heldUntil?.(message, clock.now())) ?? null
      // S7: quiet hours.
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
      // S6: the message now belongs to this sender for as long as a sender may take.
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
  // S7: the breaker or a rate limit.
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

/** @param message with the ids of the parts that were accepted. */
async function settleError(deps: SenderDeps, message: TakenMessage, error: unknown): Promise<void> {
  // S5: the provider may have accepted it, so it stays in hand. Once its time is over, a sweep asks what became of it (S6).
  if (!(error instanceof VigilError) && isDatabaseAway(error)) throw error
  const { outbox, clock, scrub = (text: string) => text } = deps
  tellBreaker(deps.breaker, message.channel, error)
  // S8
  const described = { code: codeOf(error), message: scrub(messageOf(error)) }
  deps.log.warn("send_error", { outbox: message.id, channel: message.channel, attempts: message.attempts, error })
  if (error instanceof Uncertain) await settleUncertain(deps, message, described)
  // S2
  else if (error instanceof Retry && message.attempts < TRIES)
    await outbox.retry(message.id, nextTryAt(clock, message.attempts, error.afterMs), described)
  else await outbox.failed(message.id, described)
}

/** S5: an acceptance is stored even when the database is away for a moment. */
function stored(store: () => Promise<void>): Promise<void> {
  return retryWhileAway(store, { patienceMs: STORING_MS })
}

/**
 * S4: tells the reader that the message may come twice. The words stand at the end, so that the parts before them stay as
 * they were. A channel that shows a repeated message once needs no such words.
 */
function markOf(channel: Channel, { maybeSent, body }: TakenMessage): { text?: string } {
  const isTwice = maybeSent && !channel.lookup && !channel.capabilities.once
  return isTwice ? { text: `${body.text}\n\n_(Sent again: nobody could say whether it arrived the first time.)_` } : {}
}

/** Why and until when a message must wait; null when it may go. The breaker is asked first: its messages use no rate limit. */
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

/** A reply may be cut to a short text, but an approval never: its end says how to answer. */
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

/** Tells the breaker how a send went. A failure of Vigil itself says nothing about the channel. */
function tellBreaker(breaker: CircuitBreaker | undefined, channel: ChannelId, error: unknown): void {
  if (error instanceof Retry) breaker?.failed(channel, error.afterMs)
  else if (error instanceof Uncertain) breaker?.failed(channel)
  else if (error instanceof VigilError) breaker?.answered(channel)
}

/** Asks the provider about a message that may have arrived (S3). Where it cannot know, S4 holds and then the owner decides. */
async function settleUncertain(
  deps: SenderDeps,
  message: Sending,
  error: { code: string; message: string },
): Promise<void> {
  const { outbox, clock } = deps
  await outbox.reconciling(message.id, error)
  const found = await lookUp(deps, message)
  if (typeof found === "object") return settleFound(deps, message, found, error)
  // The message stays in hand (S1), and a sweep asks again once its time is over.
  if (found === "away" && clock.now().getTime() - message.createdAt.getTime() < LOOKUP_MS) return
  const canAsk = deps.channels.get(message.channel)?.lookup !== undefined
  // S3: a provider that can be asked must say that it does not have the message. S4: else one more try.
  const mayRetry = found === "absent" ? message.attempts < TRIES : !canAsk && message.attempts < BLIND_SENDS
  if (mayRetry) await outbox.retry(message.id, nextTryAt(clock, message.attempts), error, found !== "absent")
  else await outbox.uncertain(message.id, error)
}

/** The provider has the whole message, or some of its parts: then the rest is sent. */

async function settleFound(
  { outbox, clock }: SenderDeps,
  message: Sending,
  found: Found,
  error: object,
): Promise<void> {
  if ("providerId" in found) return outbox.sent(message.id, found.providerId, clock.now())
  for (const part of found.arrived) await outbox.part(message.id, part)
  await outbox.retry(message.id, nextTryAt(clock, message.attempts), error)
}

/**
 * The provider's answer about a message: what it has of it; `absent`: nothing; `unknown`: it cannot tell, or there is none to
 * ask; `away`: it does not answer now.
 */
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

/** The provider's own pause when it gave one; else 0.5 s, 2 s, 8 s and so on, ten minutes at most. */
function nextTryAt(clock: Clock, attempts: number, afterMs?: number): Date {
  return new Date(clock.now().getTime() + (afterMs ?? Math.min(500 * 4 ** (attempts - 1), MAX_DELAY_MS)))
}

function partsOf(message: Sending): string[] {
  return message.providerId?.split(",") ?? []
}
