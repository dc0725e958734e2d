/**
 * Inbox: the one door for events.
 *
 * I1 `accept` commits the event and its wake-up together; nothing is acknowledged to a sender before that commit.
 * I2 An event that came before is a duplicate and ends here: it starts nothing, decides nothing and says nothing.
 * I3 An answer to an approval is taken in the commit of the message that carried it, and starts no run of its own.
 * I4 No secret is kept: the payload is scrubbed before anything of it is read or stored.
 */
import type { Clock } from "../../base/clock.ts"
import { idOf, type NewId } from "../../base/ids.ts"
import type { Db, Tx } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { Queue } from "../../queue/queue.ts"
import type { ApprovalAnswer } from "../approvals/answer-text.ts"
import { decide, findMeant } from "../approvals/decide.ts"
import { postNotice } from "../outbox/outbox.ts"
import { type Event, messagePayload } from "./event.ts"
import { type Accepted, insertEvent } from "./insert-event.ts"
import { isStop, type Meaning, readWords, WORDS } from "./meaning.ts"

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

/** `wake`: the thread whose run is to be started or goes on. `posted`: the thread that has something to say back. */
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
    const { event, meaning } = understood({ ...given, payload: clean(given.payload) }) // I4
    if (meaning.kind === "approval") {
      const answered = await takeAnswer(tx, event, meaning.answer)
      if (answered) return answered
    }
    // Together, in one round trip: a job too many, for a duplicate, is a hint that says nothing.
    const [inserted] = await Promise.all([
      insertEvent(tx, { event, id: newId(), state: "new", now: clock.now(), stops: isStop(meaning) }),
      queue.send(tx, "turn", idOf(event.threadKey)), // I1
    ])
    if (inserted.duplicate) return { ...inserted, wake: null, posted: null } // I2
    return { ...inserted, wake: inserted.threadId, posted: null }
  }

  /** Null when the message answers nothing: then it is an ordinary one. */
  async function takeAnswer(tx: Tx, event: Event, answer: ApprovalAnswer): Promise<Arrived | null> {
    const { personId, channel, isPress = false } = event
    if (!personId) return null
    const now = clock.now()
    const answering = { answer, personId, channel, isPress, now }
    const meant = await findMeant(tx, answering)
    if (!meant) return null
    const accepted = await insertEvent(tx, { event, id: newId(), state: "done", now })
    if (accepted.duplicate) return { ...accepted, wake: null, posted: null } // I2
    const { id, threadId } = accepted
    const { say, wake } = await decide(tx, meant, answering, { inboxId: id, threadId }) // I3
    if (say !== null) await postNotice(tx, { threadId, dedupeKey: `answer:${id}`, repliesTo: id, ...say, now })
    if (wake !== null) await queue.send(tx, "turn", wake)
    return { ...accepted, wake, posted: say === null ? null : threadId }
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

/**
 * A person's event with what its words mean. The intake has read a channel's message; what comes from the web is read here.
 * What nobody sent is data, whatever its words are.
 */
function understood(event: Event): { event: Event; meaning: Meaning } {
  if ((event.kind !== "message" && event.kind !== "command") || event.personId === null)
    return { event, meaning: WORDS }
  const message = messagePayload.parse(event.payload)
  const meaning = message.meaning ?? readWords({ channel: event.channel, text: message.text }).meaning
  const kind = meaning.kind === "command" ? "command" : "message"
  return { event: { ...event, kind, payload: { ...message, meaning } }, meaning }
}
