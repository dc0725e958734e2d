/**
 * Events: what a thread tells while it is followed, as server-sent events (WHATWG HTML, section 9.2). Each `reply` has its number
 * as the event's id, so a reader that names the last one it has misses none.
 */
import { z } from "zod"
import { messageSchema } from "./messages.ts"
import { runSchema } from "./runs.ts"

/** Data by the event's name. `reply`: said in the thread. `run`: a run of the thread in a state that was not told yet. */
export const threadEvents = { reply: messageSchema, run: runSchema }

const cursor = z.coerce.number().int().min(0).optional()

export const eventsQuery = z.object({
  /** Number of the last reply that the reader has; the newest when it is left out. */
  after: cursor,
})

/** The header `Last-Event-ID`; what is no number counts as left out. */
export const lastEventId = cursor.catch(undefined)
