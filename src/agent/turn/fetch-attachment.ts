/**
 * Look: fetches one thing that came with a message, finds out what it is, and keeps it. What the model could make nothing of
 * is not fetched; what is not what it claims to be is not shown. Either is said in a sentence, never passed over.
 */
import { Deny, Misconfigured, Reject, Retry, Uncertain } from "../../base/errors.ts"
import { type Attachment, describe, isTextFile } from "../../channels/attachment.ts"
import type { MediaLimits } from "../../channels/media.ts"
import { sniff } from "../../channels/sniff.ts"
import { UNSEEN } from "../../model/attached.ts"
import { isTranscribable } from "../../model/transcribe.ts"
import { hashIn, type MediaStore } from "../../thread/inbox/media.ts"
import type { RunContext } from "../durable/run-context.ts"

/** What a look brought. It survives JSON: bytes are kept apart, under their hash. */
export interface FetchedAttachment {
  /** `image, image/jpeg, 120 kB` */
  what: string
  /** Why it cannot be read, as a sentence in the first person. */
  unread?: string
  as?: "image" | "audio" | "text"
  /** Of the kept bytes. */
  sha256?: string
  type?: string
  size?: number
}

export interface Abilities {
  sees: boolean
  hears: boolean
  reads: boolean
}

export interface FetchAttachmentDeps {
  store: Pick<MediaStore, "keep" | "load">
  /** From the channel that brought it. */
  fetch: (channel: string, ref: string, limits: MediaLimits) => Promise<Uint8Array>
}

type As = NonNullable<FetchedAttachment["as"]>
type Plan = { as: As | "any"; most: number } | { unread: string }

/** Bytes of each that are taken at most. */
const MOST = { image: 5_000_000, audio: 20_000_000, text: 1_000_000, any: 5_000_000 } as const
/** What models take (OpenAI, "Images and vision", and the servers compatible with it). */
const SHOWN: ReadonlySet<string> = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"])

const DEAF = "I can't hear recordings: no model for transcription is set"
const UNREADABLE = "I can't read files of this kind yet"
const SENTENCES: Readonly<Record<As, (able: Abilities) => string | null>> = {
  image: ({ sees }) => (sees ? null : UNSEEN),
  audio: ({ hears }) => (hears ? null : DEAF),
  text: ({ reads }) => (reads ? null : "I can't read files without a model"),
}

/** @param context only for its channel, its signal and how often it was tried */
export async function fetchAttachment(
  deps: FetchAttachmentDeps,
  context: RunContext,
  one: Attachment,
  { inboxId, able }: { inboxId: string; able: Abilities },
): Promise<FetchedAttachment> {
  const plan = planFor(one, able)
  if ("unread" in plan) return { what: describe(one), unread: plan.unread }
  if ((one.size ?? 0) > plan.most) return { what: describe(one), unread: oversize(plan.most) }
  if (one.ref === undefined)
    return { what: describe(one), unread: "I can't fetch it: it is not where such files are kept" }
  const hash = hashIn(one.ref)
  const got = hash === null ? await fetched(deps, context, one.ref, plan.most) : await brought(deps, hash)
  if ("unread" in got) return { what: describe(one), unread: got.unread }
  const found = identify(one, plan.as, got.bytes, able)
  const { type = sniff(got.bytes) ?? one.type } = found
  const what = describe({ ...one, size: got.bytes.length, ...(type === undefined ? {} : { type }) })
  if ("unread" in found || type === undefined) return { what, unread: "unread" in found ? found.unread : UNREADABLE }
  const { hash: sha256, size } = await deps.store.keep({ bytes: got.bytes, type, inboxId })
  return { what, as: found.as, type, size, sha256 }
}

function planFor(one: Attachment, able: Abilities): Plan {
  if (one.kind === "other") return { unread: "I can't read this yet" }
  if (one.kind === "video") return { unread: "I can't watch videos yet" }
  const as = one.kind === "file" ? kindOfFile(one) : one.kind === "image" ? "image" : "audio"
  if (as === null) return { unread: UNREADABLE }
  const unread = as === "any" ? null : SENTENCES[as](able)
  return unread === null ? { as, most: MOST[as] } : { unread }
}

/** Null for what nothing can be made of. What has neither type nor name is told by its bytes alone. */
function kindOfFile(one: Attachment): "text" | "any" | null {
  if (isTextFile(one)) return "text"
  return one.type === undefined && one.name === undefined ? "any" : null
}

type Got = { bytes: Uint8Array } | { unread: string }

/** Once more in a later try of the run, where that may help; then the person is told. */
async function fetched(deps: FetchAttachmentDeps, context: RunContext, ref: string, most: number): Promise<Got> {
  try {
    return { bytes: await deps.fetch(context.thread.channel, ref, { maxBytes: most, signal: context.steps.signal }) }
  } catch (error) {
    if (context.steps.signal.aborted) throw error
    const passing = error instanceof Retry || error instanceof Uncertain
    if (passing && context.run.attempts === 0) throw error
    const known = passing || error instanceof Reject || error instanceof Deny || error instanceof Misconfigured
    if (!known) throw error
    return { unread: `I could not fetch it: ${error.message}` }
  }
}

/** What came with the message itself was kept with it. */
async function brought({ store }: FetchAttachmentDeps, hash: string): Promise<Got> {
  return (await store.load(hash)) ?? { unread: "I no longer have it" }
}

const oversize = (most: number): string => `I can't take it: it is larger than ${Math.round(most / 1_000_000)} MB`

type Found = { as: As; type: string } | { unread: string; type?: string }

/** The bytes decide what it is; where they deny the sender's word, it is shown to nobody. */
function identify(one: Attachment, as: As | "any", bytes: Uint8Array, able: Abilities): Found {
  const type = sniff(bytes)
  const is = type === null ? null : familyOf(type, as)
  if (is === null || (as !== "any" && is !== as)) return { unread: lie(one, type) }
  const unread = SENTENCES[is](able)
  if (unread !== null) return { unread }
  if (is === "text") return { as: is, type: one.type ?? "text/plain" }
  return is === "image" ? image(type ?? "") : recording(type ?? "")
}

/** Phones put sound alone into the same boxes as films; the sender's word says which it is. */
function familyOf(type: string, wanted: As | "any"): As | null {
  if (type.startsWith("image/")) return "image"
  if (type.startsWith("audio/") || (wanted === "audio" && type.startsWith("video/"))) return "audio"
  return type.startsWith("text/") ? "text" : null
}

const image = (type: string): Found =>
  SHOWN.has(type) ? { as: "image", type } : { unread: `I can't see images of this kind (${type}) yet`, type }

function recording(given: string): Found {
  const type = given === "video/mp4" ? "audio/mp4" : given
  return isTranscribable(type)
    ? { as: "audio", type }
    : { unread: `I can't hear recordings of this kind (${type}) yet`, type }
}

function lie(one: Attachment, type: string | null): string {
  const claimed = one.type ?? one.kind
  return claimed === "file"
    ? UNREADABLE
    : `I did not open it: it is not the ${claimed} it claims to be (${type ?? "unknown"})`
}
