/**
 * Intake: the way from a verified message to the inbox, the same for webhooks and pollers. A stranger without a pairing
 * code is never answered and leaves no row; the carrier's own words switch sending off or on and start no run.
 */
import { sql } from "drizzle-orm"
import type { z } from "zod"
import { type Label, MEMBER_LABEL, OWNER_LABEL } from "../../base/label.ts"
import type { Log } from "../../base/log.ts"
import { storable } from "../../base/text/storable.ts"
import { type Arrived, type Attachment, withMentions } from "../../channels/attachment.ts"
import type { Keyword } from "../../channels/carrier-keywords.ts"
import type { Inbound } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { People, Person } from "../people/people.ts"
import { applyEdit } from "./correction.ts"
import { kindOfText, type messagePayload } from "./event.ts"
import type { Inbox } from "./inbox.ts"
import { type MediaStore, refTo } from "./media.ts"
import type { Pairings } from "./pairing.ts"

export type IntakeResult = "accepted" | "duplicate" | "stranger" | "keyword" | "paired" | "corrected" | "too_late"

export interface Intake {
  /** When it returns, the message is committed (or was never for us) and may be acknowledged to its sender. */
  message(inbound: Inbound, keyword?: Keyword | null): Promise<IntakeResult>
}

export interface IntakeDeps {
  db: Tx
  people: People
  inbox: Inbox
  log: Log
  /** Without it no stranger can become known. */
  pairings?: Pick<Pairings, "redeem">
  notifier?: Pick<Notifier, "notify">
  /** Where files go that come with the message itself; without it they are only named. */
  media?: Pick<MediaStore, "keep">
}

export function createIntake({ db, people, inbox, log, pairings, notifier, media }: IntakeDeps): Intake {
  async function strangerSays(inbound: Inbound): Promise<IntakeResult> {
    const { channel, address } = inbound
    const paired = (await pairings?.redeem(inbound)) ?? null
    log.info(paired ? "stranger_paired" : "stranger_ignored", { channel, address })
    if (paired) notifier?.notify("outbox", paired.threadId)
    return paired ? "paired" : "stranger"
  }

  async function keywordFrom(inbound: Inbound, keyword: Keyword, label: Label): Promise<IntakeResult> {
    const { source, externalId, channel, threadKey } = inbound
    // An old STOP that a poll sees again must not undo a later START.
    const known = await db.query(sql`select 1 from inbox where source = ${source} and external_id = ${externalId}`)
    if (known.length > 0) return "duplicate"
    if (keyword !== "help") await people.optOut(channel, inbound.address, keyword === "stop")
    const payload = { text: storable(inbound.text), keyword }
    await inbox.record({ source, externalId, channel, threadKey, label, payload, reason: `carrier keyword ${keyword}` })
    log.info("carrier_keyword", { channel, keyword })
    return "keyword"
  }

  /** Words that nobody has read yet are replaced; what was read, or answered, stands, and the edit is only kept. */
  async function edited(inbound: Inbound, ref: string, who: { personId: string; label: Label }): Promise<IntakeResult> {
    const { source, externalId, channel, threadKey } = inbound
    const { personId, label } = who
    const text = storable(inbound.text)
    const isTaken = kindOfText(text) === "message" && (await applyEdit(db, { threadKey, ref, personId, text }))
    const reason = isTaken ? "edited before it was read" : "edited after it was read"
    await inbox.record({ source, externalId, channel, threadKey, label, payload: { text, ref }, reason })
    return isTaken ? "corrected" : "too_late"
  }

  async function accept(
    inbound: Inbound,
    { personId, label }: { personId: string; label: Label },
  ): Promise<IntakeResult> {
    const { channel, source, externalId, threadKey, target, pressed, ref } = inbound
    const payload = await payloadOf(inbound, media)
    const accepted = await inbox.accept({
      source,
      externalId,
      kind: kindOfText(payload.text),
      channel,
      threadKey,
      target,
      personId,
      isPress: pressed !== undefined,
      label,
      payload: ref === undefined ? payload : { ...payload, ref },
    })
    return accepted.duplicate ? "duplicate" : "accepted"
  }

  return {
    async message(inbound, keyword = null) {
      const { channel, target } = inbound
      const person = await people.find(channel, inbound.address)
      if (!person) return strangerSays(inbound)
      // Who writes to the bot has not blocked it any more; a carrier is told by its own word, and a group tells nothing.
      if (person.optedOut && channel === "telegram" && target === inbound.address)
        await people.optOut(channel, inbound.address, false)
      const label = labelOf(person)
      if (keyword) return keywordFrom(inbound, keyword, label)
      if (inbound.edits !== undefined) return edited(inbound, inbound.edits, { personId: person.id, label })
      return accept(inbound, { personId: person.id, label })
    },
  }
}

/** A command is the words alone: what came with it is told of in its answer. */
async function payloadOf(
  { text, attachments = [] }: Inbound,
  media: IntakeDeps["media"],
): Promise<z.input<typeof messagePayload>> {
  const words = storable(text)
  if (attachments.length === 0) return { text: words }
  const named: Attachment[] = []
  for (const one of attachments) named.push(await settled(one, media))
  const shown = kindOfText(words) === "command" ? words : withMentions(words, named)
  return { text: shown, words, attachments: named }
}

/** Bytes that came with a message are kept before it: a crash between the two leaves a file that nobody names, for a while. */
async function settled({ bytes, ...one }: Arrived, media: IntakeDeps["media"]): Promise<Attachment> {
  const kept = bytes && media ? { ref: refTo((await media.keep({ bytes, type: one.type ?? "" })).hash) } : {}
  return { ...one, ...kept, ...(one.name === undefined ? {} : { name: storable(one.name) }) }
}

/** How far a person's own words may be trusted. */
function labelOf(person: Pick<Person, "role">): Label {
  return person.role === "owner" ? OWNER_LABEL : MEMBER_LABEL
}
