/**
 * Delivery: sends a digest to its person. The outbox key of the daily digest contains the local day, so that restarts,
 * outages, clock changes and second workers never send two digests on one day. The key of a digest that a person requests
 * contains the run instead.
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
  /** The channels that can send now. */
  live: ReadonlySet<ChannelId>
}

/**
 * The action of a digest automation: posts the digest of the day before the local day of the due instant. The daily
 * digest posts at most once per day.
 */
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
 * The tool that sends a digest now, to the thread where the person is reached first. When the request came from that
 * thread, the answer contains the digest and nothing else is sent.
 * @param deps `notify` is called with the thread that has a message to send.
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
