/** Events: a thread followed over the API. A reader that comes back with the number of its last reply misses none. */
import type { z } from "zod"
import { eventsQuery, lastEventId, threadEvents } from "../../contract/conversation/events.ts"
import { threadParams } from "../../contract/conversation/messages.ts"
import type { Served } from "../../contract/instant.ts"
import type { Db } from "../../db/db.ts"
import { lastReply, repliesAfter } from "../../thread/outbox/conversation.ts"
import { listRuns } from "../../thread/runs/trace.ts"
import type { Endpoints } from "./endpoint.ts"
import { needThread } from "./messages.ts"
import type { EventStreams, ServerEvent } from "./streams.ts"

export interface EventDeps {
  db: Db
  streams: EventStreams
}

/** Runs of a thread that are looked at for a new state. */
const LATEST_RUNS = 5

export function addEventRoutes(endpoints: Endpoints, { db, streams }: EventDeps): void {
  endpoints.addEvents({
    method: "GET",
    path: "/api/v1/threads/:id/events",
    summary:
      "Server-sent events: `reply` with its number as id, and `run` for each change of state; `Last-Event-ID` or `after` goes on there",
    input: { params: threadParams, query: eventsQuery },
    events: threadEvents,
    async follow({ params, query }, request, reply) {
      await needThread(db, params.id)
      const last = lastEventId.parse(request.headers["last-event-id"])
      const cursor = last ?? query.after ?? (await lastReply(db, params.id))
      streams.follow(request, reply, { concerns: (thread) => thread === params.id, look: watch(db, params.id, cursor) })
    },
  })
}

type EventName = keyof typeof threadEvents

function eventOf<Name extends EventName>(event: Name, data: Served<z.output<(typeof threadEvents)[Name]>>) {
  return { event, data: JSON.stringify(data) }
}

/** What is new on a thread since the last look. */
function watch(db: Db, threadId: string, from: number) {
  let cursor = from
  const seen = new Map<string, string>()
  return async (send: (event: ServerEvent) => void) => {
    for (const { seq, ...reply } of await repliesAfter(db, threadId, cursor)) {
      cursor = seq
      send({ id: String(seq), ...eventOf("reply", reply) })
    }
    const runs = await listRuns(db, { limit: LATEST_RUNS, threadId })
    for (const run of runs.toReversed()) {
      if (seen.get(run.id) === run.state) continue
      seen.set(run.id, run.state)
      send(eventOf("run", run))
    }
  }
}
