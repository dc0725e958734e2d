/**
 * Delivery: how a digest reaches its person. The scheduled one carries the local day in its outbox key, so there is one
 * a day whatever restarts, outages, clock changes or second workers do; one that is asked for carries its run instead.
 */
import { sql } from "drizzle-orm"
import { z } from "zod"
import type { DueActions } from "../agent/handlers/due.ts"
import type { ChannelId } from "../channels/channel.ts"
import type { Db } from "../db/db.ts"
import { DIGEST } from "../schedule/automations/system-automations.ts"
import { localDay } from "../schedule/recurrence/zone.ts"
import { postNotice } from "../thread/outbox/outbox.ts"
import type { People } from "../thread/people/people.ts"
import type { EffectTool } from "../tools/tool.ts"
import type { Digests } from "./digest.ts"

export interface DeliveryDeps {
  db: Db
  digests: Digests
  people: People
  /** Channels that can send now. */
  live: ReadonlySet<ChannelId>
}

/** The digest automation's action: the day before the local day it was due on, at most once for that day. */
export function createScheduledDigest({ db, digests, people, live }: DeliveryDeps): DueActions["digest"] {
  return async (context, { automation, dueAt, lateness }) => {
    const day = localDay(dueAt, automation.zone)
    const isDaily = automation.name === DIGEST
    const dedupeKey = isDaily ? `digest:${automation.personId}:${day}` : `run:${context.run.id}:digest`
    if (isDaily && (await isPosted(db, dedupeKey)))
      return { posts: [], model: null, skipped: `the digest of ${day} was sent before` }
    const { text } = await digests.compose(dayBefore(day), automation.zone, lateness)
    const { threadId } = await people.home(automation.personId, live)
    return { posts: [{ threadId, dedupeKey, text, urgency: "due" }], model: null }
  }
}

async function isPosted(db: Db, dedupeKey: string): Promise<boolean> {
  const rows = await db.query(sql`select 1 from outbox where dedupe_key = ${dedupeKey}`)
  return rows.length > 0
}

function dayBefore(day: string): string {
  return Temporal.PlainDate.from(day).subtract({ days: 1 }).toString()
}

const input = z.object({ day: z.enum(["today", "yesterday"]).optional().describe("yesterday unless said") })

const PLACES: Record<ChannelId, string> = {
  web: "the web",
  telegram: "Telegram",
  sms: "SMS",
  email: "e-mail",
  github: "GitHub",
}

/**
 * The tool for a digest now. It goes to where the person is reached first; when that is this very conversation, the
 * answer carries it and nothing is sent beside it.
 * @param ring called with the thread that has something to send.
 */
export function createSendDigest(
  deps: DeliveryDeps & { notify: (threadId: string) => void },
): EffectTool<z.infer<typeof input>> {
  return {
    name: "send_digest",
    description: "The digest of a day's issue triage. Without sentTo in the result, answer with its text as it is.",
    input,
    effect: "write",
    needs: "untrusted",
    ownerOnly: true,
    replay: "idempotent",
    show: (args) => `send the digest of ${args.day ?? "yesterday"}`,
    async run(args, ctx) {
      const today = localDay(ctx.now, ctx.zone)
      const day = args.day === "today" ? today : dayBefore(today)
      const { text } = await deps.digests.compose(day, ctx.zone)
      const home = await deps.people.home(ctx.person.id, deps.live)
      if (home.threadId === ctx.threadId) return { ok: true, text }
      const dedupeKey = `run:${ctx.runId}:digest:${day}`
      await postNotice(deps.db, { threadId: home.threadId, dedupeKey, text, now: ctx.now, runId: ctx.runId })
      deps.notify(home.threadId)
      return { ok: true, text, sentTo: PLACES[home.channel] }
    },
  }
}
