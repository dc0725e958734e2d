/**
 * Channel: what a place to talk must offer. Verifying and parsing are pure and happen at the edge; sending happens
 * in the outbox, which alone decides about repeats from the error it gets.
 */
import type { CHANNEL_IDS } from "../contract/installation/channels.ts"
import type { Arrived } from "./attachment.ts"
import type { MediaLimits } from "./media.ts"

export type ChannelId = (typeof CHANNEL_IDS)[number]

export interface Capabilities {
  /** Longest text of one message, in UTF-16 units; longer ones are split by `render`. */
  maxText: number
  buttons: boolean
  typing: boolean
  /** The same message sent twice is shown once, by its id. */
  once?: true
}

/** What a carrier takes a text for: to stop or start our sending to that number, or to answer with its own help. */
export type Keyword = "stop" | "start" | "help"

/** A person's words, or an answer by button, on any channel, before anyone knows whether the sender may talk. */
export interface Inbound {
  channel: ChannelId
  /** The provider's id of the event: a second delivery has the same. Unique with `source`. */
  source: string
  externalId: string
  /** Who sent it, as the channel names people: `42`, `+15551234567`. */
  address: string
  /** The conversation: `telegram:<bot>:<chat>[:<topic>]`, `sms:<our number>:<theirs>`, `email:<ours>:<theirs>:<conversation>`. */
  threadKey: string
  text: string
  /** Where `text` has a heading before the words, as a mail's subject: the words alone, and `text` as it is without the heading. */
  alone?: { words: string; text: string }
  /** Of a text to a number: who carries it, and what the provider says that the carrier took it for. */
  carrier?: { by: "phone" | "whatsapp"; took?: Keyword }
  /** What came with the words; nothing of it is fetched before the sender is known. */
  attachments?: Arrived[]
  /** What an answer to it must be addressed to (chat id, number, `mailto:` with the conversation). */
  target: string
  /** What a later edit calls this message, where the channel has edits. Unique with `threadKey`. */
  ref?: string
  /** These words take the place of that message's (its `ref`). */
  edits?: string
  /** The provider's id of a pressed button's query, to be acknowledged. */
  pressed?: string
  sentAt?: Date
}

/** One message as the outbox holds it: Markdown text, and buttons where the channel has them. */
export interface Outgoing {
  /** The outbox row: an idempotency key where the provider takes one. */
  id: string
  target: string
  text: string
  buttons?: Button[]
  /** Without a sound or a notice on the person's device, where the channel has them. */
  silent?: boolean
  /** Provider ids of the parts an earlier attempt already sent, in order: sending goes on after them. */
  done?: string[]
  /** When its text stops being true: a provider that holds messages back must drop it then. */
  expiresAt?: Date
  /** The text is no Markdown: shown as it is. */
  plain?: boolean
  /** An answer in a conversation, of which a channel that is paid by length may send a part, and the rest on demand. */
  brief?: boolean
  /** Called after each accepted part, to be stored at once: it is what lets a broken send go on without repeating itself. */
  onPart?: (providerId: string) => Promise<void>
  signal: AbortSignal
}

export interface Button {
  label: string
  /** At most 64 bytes of UTF-8; comes back as the text of an `Inbound`. */
  reply: string
}

export interface Receipt {
  /** The provider's id of the message; several parts are joined with `,`. */
  providerId: string
  /** SMS segments sent, where they are counted. */
  segments?: number
}

/** An uncertain message to ask about: as it was sent, and since when it can have been sent. */
export interface Lookup {
  id: string
  target: string
  text: string
  /** As in `Outgoing`. */
  plain?: boolean
  brief?: boolean
  done?: string[]
  since: Date
  signal: AbortSignal
}

/** All of it arrived; or only its first parts, by their ids, and none of the others. */
export type Found = Receipt | { arrived: string[] }

/** State of a delivery as a provider reports it later. */
export type DeliveryState = "sent" | "delivered" | "failed"

/** What became of one accepted part. */
export interface DeliveryOutcome {
  /** Null while it is on its way. */
  state: DeliveryState | null
  failure?: { code: string; fix?: string }
  /** What the provider took for it, where it says so. */
  price?: { amount: number; currency: string; segments: number }
}

/** A webhook exactly as it arrived; signatures cover its bytes, so nothing may touch them before. */
export interface WebhookRequest {
  /** Path and query as received: `/webhooks/twilio/status?o=1`. */
  url: string
  /** Header names in lower case, as Node gives them. */
  headers: Record<string, string | string[] | undefined>
  /** The body as UTF-8 text, unparsed. */
  body: string
}

/** The same with the body's bytes, for what may be no UTF-8. */
export interface RawRequest extends WebhookRequest {
  bytes: Uint8Array
}

/** Something that is wrong at the provider, although it answers. */
export interface Finding {
  severity: "error" | "warning"
  message: string
  /** What to do, as an imperative. */
  fix: string
}

/** A limit of the provider's that a message counts against: `burst` units at once, and one more every `everyMs`. */
export interface RateLimit {
  /** What shares it within the channel: `all`, or one chat. */
  key: string
  burst: number
  everyMs: number
  /** What this message takes of it. */
  units: number
}

export interface Channel {
  readonly id: ChannelId
  readonly capabilities: Capabilities
  /**
   * Hands a message to the provider. Throws `Retry` when it was surely not accepted (with the provider's wait where
   * it gave one), `Reject` when it never will be, `Uncertain` when the answer was lost.
   */
  send(message: Outgoing): Promise<Receipt>
  /** The limits that a message counts against, so that it does not leave sooner than they allow; none when absent. */
  rateLimits?(message: Pick<Outgoing, "target" | "text" | "plain" | "brief" | "done">): RateLimit[]
  /** The bytes of an attachment by its `ref`. Throws `Retry` when they can be had later, `Reject` or `Deny` when never. */
  fetchMedia?(ref: string, limits: MediaLimits): Promise<Uint8Array>
  /**
   * Asks the provider whether an uncertain message arrived; null when the channel cannot know. With `done`, only the
   * parts after those are in question: `absent` means that sending may go on there.
   */
  lookup?(message: Lookup): Promise<Found | "absent" | null>
  /** Shows for a few seconds that we are at work there. Only with `capabilities.typing`; throws like `send`. */
  typing?(target: string, signal: AbortSignal): Promise<void>
  /**
   * Puts `text` in the place of a sent message's, and takes its buttons away; `providerId` as in its receipt. Says whether
   * the message is there: one that says this already is no error. Throws like `send`; `Reject` when the text needs more
   * messages than were sent.
   */
  edit?(target: string, providerId: string, text: string, signal: AbortSignal): Promise<boolean>
  /** Takes a sent message back; one that is gone is no error. Throws like `send`. */
  unsend?(target: string, providerId: string, signal: AbortSignal): Promise<void>
  /** How long to leave between two edits there at least, in milliseconds. With `edit`. */
  editEveryMs?(target: string): number
  /** Asks the provider what became of a part by its id, for when no report came; throws like `lookup`. */
  deliveryOutcome?(providerId: string, signal: AbortSignal): Promise<DeliveryOutcome>
  /** What is wrong there: an account, a number, an address that messages are delivered to; throws like `lookup`. */
  inspect?(signal: AbortSignal): Promise<Finding[]>
  /** Who we are there (bot name, number) for `doctor`; throws like `send`. */
  probe(signal: AbortSignal): Promise<string>
}
