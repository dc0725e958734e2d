/**
 * Conversation: the owner's words from the web and the terminal go into the inbox like those of any other channel, and whoever
 * waits hears what became of them.
 */
import { sha256 } from "../../base/canonical.ts"
import { Reject } from "../../base/errors.ts"
import type { NewId } from "../../base/ids.ts"
import { OWNER_LABEL } from "../../base/label.ts"
import { storable } from "../../base/text/storable.ts"
import type { Db } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { Inbox } from "../../thread/inbox/inbox.ts"
import type { Accepted } from "../../thread/inbox/insert-event.ts"
import { type MessageResult, resultOfMessage, threadOf } from "../../thread/outbox/conversation.ts"
import { OWNER_ID } from "../../thread/people/people.ts"
import { onlyOnce } from "./streams.ts"

export const WEB_THREAD = "web:owner"

export interface OwnerMessage {
  text: string
  /** Id of a web thread, or `new`; the usual one when absent. */
  thread?: string | undefined
  /** The same key is taken once. */
  idempotencyKey?: string | undefined
}

export interface Conversation {
  /** Throws `Reject` 404 for a thread that is not the owner's on the web. */
  say(said: OwnerMessage): Promise<Accepted>
  /** What became of a message: at once when something did, else when it does, else null after `ms` or the signal. */
  outcome(inboxId: string, ms: number, signal: AbortSignal): Promise<MessageResult | null>
}

/** How often to look without a ring, in milliseconds. */
const LOOK_MS = 1000
const ENDED = new Set(["done", "failed", "cancelled"])

export function createConversation({
  db,
  inbox,
  notifier,
  newId,
}: {
  db: Db
  inbox: Inbox
  notifier: Notifier
  newId: NewId
}): Conversation {
  async function keyOf({ thread, idempotencyKey }: OwnerMessage): Promise<string> {
    if (thread === undefined) return WEB_THREAD
    if (thread === "new") return `${WEB_THREAD}:${idempotencyKey === undefined ? newId() : sha256(idempotencyKey)}`
    const found = await threadOf(db, thread)
    if (found?.channel === "web" && found.personId === OWNER_ID) return found.key
    throw new Reject(404, "there is no such thread on the web", {
      code: "not_found",
      fix: "Leave `thread` out, or send `new`.",
    })
  }

  return {
    async say(said) {
      const text = storable(said.text)
      return await inbox.accept({
        source: "web",
        externalId: said.idempotencyKey ?? newId(),
        kind: "message",
        channel: "web",
        threadKey: await keyOf(said),
        target: "owner",
        personId: OWNER_ID,
        label: OWNER_LABEL,
        payload: { text },
      })
    },
    async outcome(inboxId, ms, signal) {
      const found = Promise.withResolvers<MessageResult | null>()
      const looking = onlyOnce(async () => {
        const outcome = await resultOfMessage(db, inboxId).catch(found.reject)
        if (outcome && isOver(outcome)) found.resolve(outcome)
      })
      const unsubscribers = (["thread", "outbox", "work"] as const).map((topic) => notifier.listen(topic, looking))
      const timers = [setInterval(looking, LOOK_MS), setTimeout(() => found.resolve(null), ms)]
      const giveUp = () => found.resolve(null)
      signal.addEventListener("abort", giveUp)
      looking()
      try {
        return await found.promise
      } finally {
        for (const stop of unsubscribers) stop()
        for (const timer of timers) clearTimeout(timer)
        signal.removeEventListener("abort", giveUp)
      }
    },
  }
}

/** Answered; or at an end without words: nothing more will come. */
function isOver({ reply, runState, state }: MessageResult): boolean {
  return reply !== null || (runState !== null && ENDED.has(runState)) || state === "dead"
}
