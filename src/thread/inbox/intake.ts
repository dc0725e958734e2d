/**
 * Intake: the way from a verified message to the inbox, the same for webhooks and pollers.
 *
 * T1 A stranger without a pairing code is never answered and leaves no row.
 * T2 The carrier's own words switch sending off or on and start no run.
 * T3 An edit changes words that nobody has read yet, and nothing else.
 */
import { sql } from "drizzle-orm"
import { type Label, MEMBER_LABEL, OWNER_LABEL } from "../../base/label.ts"
import type { Log } from "../../base/log.ts"
import { storable } from "../../base/text/storable.ts"
import type { Arrived, Attachment } from "../../channels/attachment.ts"
import type { Inbound, Keyword } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { People, Person } from "../people/people.ts"
import { applyEdit } from "./edit.ts"
import type { Inbox } from "./inbox.ts"
import { type ReadWords, readWords } from "./meaning.ts"
import { type MediaStore, refTo } from "./media.ts"
import type { Pairings } from "./pairing.ts"

export type IntakeResult = "accepted" | "duplicate" | "stranger" | "keyword" | "paired" | "corrected" | "too_late"

export interface Intake {
  /** When it returns, the message is committed (or was never for us) and may be acknowledged to its sender. */
  message(inbound: Inbound): Promise<IntakeResult>
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

interface Sender {
  personId: string
  label: Label
}

export function createIntake({ db, people, inbox, log, pairings, notifier, media }: IntakeDeps): Intake {
  async function strangerSays(inbound: Inbound, { words }: ReadWords): Promise<IntakeResult> {
    const { channel, address } = inbound
    const paired = (await pairings?.redeem({ ...inbound, text: words })) ?? null
    log.info(paired ? "stranger_paired" : "stranger_ignored", { channel, address })
    if (paired) notifier?.notify("outbox", paired.threadId)
    return paired ? "paired" : "stranger"
  }

  async function keywordFrom(inbound: Inbound, text: string, keyword: Keyword, label: Label): Promise<IntakeResult> {
    const { source, externalId, channel, threadKey } = inbound
    // An old STOP that a poll sees again must not undo a later START.
    const known = await db.query(sql`select 1 from inbox where source = ${source} and external_id = ${externalId}`)
    if (known.length > 0) return "duplicate"
    if (keyword !== "help") await people.optOut(channel, inbound.address, keyword === "stop")
    const payload = { text, keyword }
    await inbox.record({ source, externalId, channel, threadKey, label, payload, reason: `carrier keyword ${keyword}` })
    log.info("carrier_keyword", { channel, keyword })
    return "keyword"
  }

  /** Words that nobody has read yet are replaced; what was read, or answered, stands, and the edit is only kept. */
  async function edited(inbound: Inbound, ref: string, { meaning, words: text }: ReadWords, who: Sender) {
    const { source, externalId, channel, threadKey } = inbound
    const { personId, label } = who
    const isTaken = meaning.kind !== "command" && (await applyEdit(db, { threadKey, ref, personId, text })) // T3
    const reason = isTaken ? "edited before it was read" : "edited after it was read"
    await inbox.record({ source, externalId, channel, threadKey, label, payload: { text, ref }, reason })
    return isTaken ? "corrected" : "too_late"
  }

  async function accept(inbound: Inbound, { meaning, words, text }: ReadWords, who: Sender): Promise<IntakeResult> {
    const { channel, source, externalId, threadKey, target, pressed, ref, attachments = [] } = inbound
    const files: Attachment[] = []
    for (const one of attachments) files.push(await settled(one, media))
    const payload = {
      text,
      ...(files.length === 0 ? {} : { words, attachments: files }),
      meaning,
      ...(ref === undefined ? {} : { ref }),
    }
    const isPress = pressed !== undefined
    const event = { source, externalId, kind: "message" as const, channel, threadKey, target, isPress, payload }
    const accepted = await inbox.accept({ ...event, ...who })
    return accepted.duplicate ? "duplicate" : "accepted"
  }

  return {
    async message(given) {
      const inbound = storableInbound(given)
      const said = readWords(inbound)
      const { channel, target } = inbound
      const person = await people.find(channel, inbound.address)
      if (!person) return strangerSays(inbound, said) // T1
      // Who writes to the bot has not blocked it any more; a carrier is told by its own word, and a group tells nothing.
      if (person.optedOut && channel === "telegram" && target === inbound.address)
        await people.optOut(channel, inbound.address, false)
      const label = labelOf(person)
      if (said.meaning.kind === "keyword") return keywordFrom(inbound, said.words, said.meaning.keyword, label) // T2
      const who = { personId: person.id, label }
      return inbound.edits === undefined ? accept(inbound, said, who) : edited(inbound, inbound.edits, said, who)
    },
  }
}

/** Bytes that came with a message are kept before it: a crash between the two leaves a file that nobody names, for a while. */
async function settled({ bytes, ...one }: Arrived, media: IntakeDeps["media"]): Promise<Attachment> {
  const kept = bytes && media ? { ref: refTo((await media.keep({ bytes, type: one.type ?? "" })).hash) } : {}
  return { ...one, ...kept }
}

function storableInbound(inbound: Inbound): Inbound {
  const { text, alone, attachments } = inbound
  return {
    ...inbound,
    text: storable(text),
    ...(alone === undefined ? {} : { alone: { words: storable(alone.words), text: storable(alone.text) } }),
    ...(attachments === undefined ? {} : { attachments: attachments.map(storableName) }),
  }
}

function storableName(file: Arrived): Arrived {
  return file.name === undefined ? file : { ...file, name: storable(file.name) }
}

/** How far a person's own words may be trusted. */
function labelOf(person: Pick<Person, "role">): Label {
  return person.role === "owner" ? OWNER_LABEL : MEMBER_LABEL
}
