/** A run that waits for a person's word, made by the statement that makes it in the product. */
import { sha256 } from "../../src/base/canonical.ts"
import { newId } from "../../src/base/ids.ts"
import { freeCode } from "../../src/thread/approvals/approval.ts"
import { OWNER_ID } from "../../src/thread/people/people.ts"
import { suspend } from "../../src/thread/runs/finish.ts"
import { type spine, text } from "./spine.ts"

export interface Asking {
  now: Date
  code?: string
  args?: string
  display?: string
  kind?: "approval" | "uncertain"
  expiresAt?: Date
  /** Where the run works, and what it was set off with. */
  threadKey?: string
  text?: string
}

/** What was asked: its code, and the run and thread that wait. */
export async function askAbout(s: Awaited<ReturnType<typeof spine>>, asking: Asking) {
  const { now, args = '{"n":1}', display = "post it", kind = "approval" } = asking
  const code = asking.code ?? (await freeCode(s.db, Math.random))
  const { threadId } = await s.inbox.accept(
    text(asking.text ?? "do it", { threadKey: asking.threadKey ?? `web:${newId()}` }),
  )
  const claim = await s.leases.claim(threadId)
  if (!claim?.run) throw new Error("there is no run to wait with")
  const question = {
    id: newId(),
    step: 0,
    kind,
    code,
    tool: "post",
    args,
    argsHash: sha256(args),
    display,
    askedOf: OWNER_ID,
    expiresAt: asking.expiresAt ?? new Date(now.getTime() + 24 * 3_600_000),
  }
  await suspend(s.db, { runId: claim.run.id, fence: claim.fence, now, entries: [], posts: [], question })
  return { code, runId: claim.run.id, threadId, waitId: question.id }
}
