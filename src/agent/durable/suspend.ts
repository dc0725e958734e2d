/** Ask a person: the run's question goes out in the commit that pauses it. The text is made by code from what will be executed. */
import { sha256 } from "../../base/canonical.ts"
import type { Button } from "../../channels/channel.ts"
import { quietUntil } from "../../schedule/recurrence/quiet.ts"
import { freeCode } from "../../thread/approvals/approval.ts"
import { quietOf } from "../../thread/outbox/quiet-hours.ts"
import { OWNER_ID } from "../../thread/people/people.ts"
import { suspend } from "../../thread/runs/finish.ts"
import type { Claim } from "../../thread/runs/lease.ts"
import type { ExecuteDeps, Executed } from "./execute-types.ts"
import type { Job } from "./run-context.ts"
import type { Doubt } from "./signals.ts"

/** How long a question stays open. Silence is a no. */
const PATIENCE_MS = 24 * 3600_000
/** How long after the quiet hours a question that would have run out in them stays open. */
const MORNING_MS = 3600_000

export async function suspendRun(deps: ExecuteDeps, claim: Claim, job: Job, doubt: Doubt): Promise<Executed> {
  const code = await freeCode(deps.db, deps.random)
  const owners = job.person.role === "owner" && job.thread.channel !== "github" && isTalk(job.run.kind)
  const threadId = owners ? job.thread.id : (await deps.people.home(OWNER_ID, deps.live)).threadId
  const now = deps.clock.now()
  const urgency = owners ? "reply" : "notice"
  const { text, buttons } = question(code, doubt)
  const argsHash = sha256(doubt.args)
  const expiresAt = await expiryOf(deps, now)
  const opId = deps.newId()
  const entry = {
    n: doubt.step,
    phase: "intent" as const,
    kind: "wait" as const,
    name: doubt.tool,
    opId,
    replay: "pure" as const,
    argsHash,
  }
  const released = await suspend(deps.db, {
    runId: job.run.id,
    fence: claim.fence,
    now,
    entries: [
      ...job.steps.tape.drain(),
      {
        ...entry,
        request: { kind: doubt.kind, code, args: JSON.parse(doubt.args), display: doubt.display, reason: doubt.reason },
      },
    ],
    posts: [{ threadId, dedupeKey: `run:${job.run.id}:ask:${doubt.step}`, text, buttons, urgency, expiresAt }],
    question: {
      ...doubt,
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
async function expiryOf({ db }: ExecuteDeps, now: Date): Promise<Date> {
  const usual = new Date(now.getTime() + PATIENCE_MS)
  const morning = quietUntil(usual, await quietOf(db, OWNER_ID))
  return morning ? new Date(morning.getTime() + MORNING_MS) : usual
}

function isTalk(kind: string): boolean {
  return kind === "message" || kind === "command"
}

function question(code: string, doubt: Doubt): { text: string; buttons: Button[] } {
  if (doubt.kind === "approval") {
    return {
      text: `${code}: ${doubt.display}? (${doubt.reason}) Reply ${code} OK or ${code} NO`,
      buttons: [
        { label: "OK", reply: `${code} OK` },
        { label: "No", reply: `${code} NO` },
      ],
    }
  }
  return {
    text: `${code}: ${doubt.display}: ${doubt.reason}. Reply ${code} OK if it happened, ${code} AGAIN to do it again, ${code} NO to leave it`,
    buttons: [
      { label: "It happened", reply: `${code} OK` },
      { label: "Do it again", reply: `${code} AGAIN` },
      { label: "Skip", reply: `${code} NO` },
    ],
  }
}
