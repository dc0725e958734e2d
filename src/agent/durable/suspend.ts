/**
 * Suspend: lets go of a run that must wait for an approval. The approval goes out in the commit that pauses the run; its
 * text is made by code from what will be run.
 */
import { sha256 } from "../../base/canonical.ts"
import type { Clock } from "../../base/clock.ts"
import type { NewId } from "../../base/ids.ts"
import type { Button, ChannelId } from "../../channels/channel.ts"
import type { Db } from "../../db/db.ts"
import { quietUntil } from "../../schedule/recurrence/quiet.ts"
import { freeCode } from "../../thread/approvals/approval.ts"
import { quietOf } from "../../thread/outbox/quiet-hours.ts"
import { OWNER_ID, type People } from "../../thread/people/people.ts"
import { suspend } from "../../thread/runs/finish.ts"
import type { Claim } from "../../thread/runs/lease.ts"
import type { Executed, RunContext } from "./run-context.ts"
import type { ApprovalRequest } from "./signals.ts"

export interface SuspendDeps {
  db: Db
  clock: Clock
  newId: NewId
  random: () => number
  people: People
  /** Channels that can send now. */
  live: ReadonlySet<ChannelId>
}

/** How long an approval stays open. Silence is a no. */
const PATIENCE_MS = 24 * 3600_000
/** How long after the quiet hours an approval that would have run out in them stays open. */
const MORNING_MS = 3600_000

export async function suspendRun(
  deps: SuspendDeps,
  claim: Claim,
  context: RunContext,
  request: ApprovalRequest,
): Promise<Executed> {
  const code = await freeCode(deps.db, deps.random)
  const owners = context.person.role === "owner" && context.thread.channel !== "github" && isTalk(context.run.kind)
  const threadId = owners ? context.thread.id : (await deps.people.home(OWNER_ID, deps.live)).threadId
  const now = deps.clock.now()
  const urgency = owners ? "reply" : "notice"
  const { text, buttons } = textOf(code, request)
  const argsHash = sha256(request.args)
  const expiresAt = await expiryOf(deps, now)
  const opId = deps.newId()
  const entry = {
    n: request.step,
    phase: "intent" as const,
    kind: "wait" as const,
    name: request.tool,
    opId,
    replay: "pure" as const,
    argsHash,
  }
  const released = await suspend(deps.db, {
    runId: context.run.id,
    fence: claim.fence,
    now,
    entries: [
      ...context.steps.drain(),
      {
        ...entry,
        request: {
          kind: request.kind,
          code,
          args: JSON.parse(request.args),
          display: request.display,
          reason: request.reason,
        },
      },
    ],
    posts: [{ threadId, dedupeKey: `run:${context.run.id}:ask:${request.step}`, text, buttons, urgency, expiresAt }],
    question: {
      ...request,
      id: opId,
      code,
      argsHash,
      askedOf: OWNER_ID,
      expiresAt,
    },
  })
  return { ...released, posted: [threadId] }
}

/** Never while the owner sleeps: what would run out in their quiet hours runs out an hour after them. */
async function expiryOf({ db }: SuspendDeps, now: Date): Promise<Date> {
  const usual = new Date(now.getTime() + PATIENCE_MS)
  const morning = quietUntil(usual, await quietOf(db, OWNER_ID))
  return morning ? new Date(morning.getTime() + MORNING_MS) : usual
}

function isTalk(kind: string): boolean {
  return kind === "message" || kind === "command"
}

function textOf(code: string, request: ApprovalRequest): { text: string; buttons: Button[] } {
  if (request.kind === "approval") {
    return {
      text: `${code}: ${request.display}? (${request.reason}) Reply ${code} OK or ${code} NO`,
      buttons: [
        { label: "OK", reply: `${code} OK` },
        { label: "No", reply: `${code} NO` },
      ],
    }
  }
  return {
    text: `${code}: ${request.display}: ${request.reason}. Reply ${code} OK if it happened, ${code} AGAIN to do it again, ${code} NO to leave it`,
    buttons: [
      { label: "It happened", reply: `${code} OK` },
      { label: "Do it again", reply: `${code} AGAIN` },
      { label: "Skip", reply: `${code} NO` },
    ],
  }
}
