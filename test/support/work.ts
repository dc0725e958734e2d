/** A run at work on a thread of its own: a message came in, was claimed, and is held. */
import { newId } from "../../src/base/ids.ts"
import type { Claim, ClaimedRun } from "../../src/thread/lease.ts"
import { type spine, text } from "./spine.ts"

export type Spine = Awaited<ReturnType<typeof spine>>

export async function working(s: Spine, words = "work", event: Parameters<typeof text>[1] = {}) {
  const threadKey = event.threadKey ?? `web:${newId()}`
  const { id, threadId } = await s.inbox.accept(text(words, { ...event, threadKey }))
  const claim = await reclaimed(s, threadId)
  return { claim, eventId: id, threadKey, threadId, runId: claim.run.id, fence: claim.fence }
}

/** Claims a thread that must have a run to do or to go on with. */
export async function reclaimed(s: Spine, threadId: string): Promise<Claim & { run: ClaimedRun }> {
  const claim = await s.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing was claimed")
  return { ...claim, run: claim.run }
}

/** As if the worker that holds the thread had died and its lease run out. */
export async function abandon(s: Spine, threadId: string): Promise<void> {
  await s.db.raw("update threads set lease_until = now() - interval '1 second' where id = $1", [threadId])
}
