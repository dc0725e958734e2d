/**
 * Inbox: the one door for events. `accept` commits the event and its wake-up together; nothing is acknowledged to a
 * sender before that commit. Duplicates end here, and so do answers to open questions: the first one wins.
 */
import type { Clock } from "../../base/clock.ts"
import { idOf, type NewId } from "../../base/ids.ts"
import { readApproval } from "../../channels/approval-text.ts"
import type { Db, Tx } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { Queue } from "../../queue/queue.ts"
import { answerApproval } from "./answer.ts"
import { type Event, messagePayload } from "./event.ts"
import { type Accepted, insertEvent } from "./insert-event.ts"

export interface Inbox {
  /** Durably takes an event in. When it returns, the event will reach its end whatever happens to this process. */
  accept(event: Event): Promise<Accepted>
  /** The same inside a transaction of the caller's, who notifies (`work`, thread id) after its commit. */
  acceptIn(tx: Tx, event: Event): Promise<Accepted>
  /**
   * Keeps an event that is not for us, so that a second delivery is known and people can look.
   * @param via the transaction of what else comes of it, when there is such a thing.
   */
  record(event: Omit<Event, "kind" | "personId" | "target"> & { reason: string }, via?: Tx): Promise<Accepted>
}

type Arrived = Accepted & { wake: string | null; posted: string | null }

export interface InboxDeps {
  db: Db
  queue: Queue
  notifier: Notifier
  clock: Clock
  newId: NewId
  /** Takes live secrets out of text: what people and strangers write may hold them. JSON stays JSON. */
  scrub?: (text: string) => string
}

export function createInbox({ db, queue, notifier, clock, newId, scrub = (text) => text }: InboxDeps): Inbox {
  const clean = (payload: unknown): unknown => JSON.parse(scrub(JSON.stringify(payload)))

  async function acceptIn(tx: Tx, given: Event): Promise<Arrived> {
    const event = { ...given, payload: clean(given.payload) }
    const answered = await tryAnswer(tx, event)
    if (answered) return answered
    // Together, in one round trip: a job too many, for a duplicate, is a hint that says nothing.
    const [inserted] = await Promise.all([
      insertEvent(tx, { event, id: newId(), state: "new", now: clock.now() }),
      queue.send(tx, "turn", idOf(event.threadKey)),
    ])
    if (inserted.duplicate) return { ...inserted, wake: null, posted: null }
    return { ...inserted, wake: inserted.threadId, posted: null }
  }

  async function tryAnswer(tx: Tx, event: Event): Promise<Arrived | null> {
    if (event.kind !== "message" || !event.personId) return null
    const answer = readApproval(messagePayload.parse(event.payload).text, event.channel)
    if (!answer) return null
    const answered = await answerApproval(tx, {
      answer,
      event,
      personId: event.personId,
      id: newId(),
      now: clock.now(),
    })
    if (answered?.wake) await queue.send(tx, "turn", answered.wake)
    return answered
  }

  return {
    acceptIn,
    async accept(event) {
      const { wake, posted, ...accepted } = await db.transaction((tx) => acceptIn(tx, event))
      if (wake) notifier.notify("work", wake)
      if (posted) notifier.notify("outbox", posted)
      return accepted
    },
    async record({ reason, ...event }, via = db) {
      const row = {
        ...event,
        kind: "message" as const,
        personId: null,
        target: "",
        payload: { reason, event: clean(event.payload) },
      }
      return await insertEvent(via, { event: row, id: newId(), state: "recorded", now: clock.now() })
    },
  }
}
