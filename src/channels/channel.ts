/**
 * Channel: the contract of every way in and out. Verifying and parsing are pure and happen when a message arrives. Only the
 * sender (`worker/sending`) calls `send`, and only the sender decides about a repetition, from the error that `send` throws: so
 * no message is repeated without the outbox knowing.
 */
import type { CHANNEL_IDS } from "../contract/installation/channels.ts"
import type { Arrived } from "./attachment.ts"
import type { MediaLimits } from "./media.ts"

export type ChannelId = (typeof CHANNEL_IDS)[number]

export interface Capabilities {
  /** UTF-16 units in one message; the channel's `render` splits a longer text. */
  maxText: number
  buttons: boolean
  typing: boolean
  /** People see a message once although it was sent twice, because it has the same id. */
  once?: true
}

/** How a carrier reads a text: it stops or starts our sending to that number, or answers with its own help. */
export type Keyword = "stop" | "start" | "help"

/** A person's words or a pressed button, from any channel, before it is known whether the sender may talk to Vigil. */
export interface Inbound {
  channel: ChannelId
  /** The account at the provider: `sms:<account>`. */
  source: string
  /** The provider's id of the event, unique within `source`: a second delivery of the event has the same id. */
  externalId: string
  /** The sender, as the channel names people: `42`, `+15551234567`. */
  address: string
  /** The conversation: `telegram:<bot>:<chat>[:<topic>]`, `sms:<our number>:<theirs>`, `email:<ours>:<theirs>:<conversation>`. */
  threadKey: string
  text: string
  /** Set when `text` begins with a heading, such as a mail's subject: the words alone, and `text` without the heading. */
  alone?: { words: string; text: string }
  /** Set for a text to a number: who carries it, and how the carrier read it, where the provider says so. */
  carrier?: { by: "phone" | "whatsapp"; took?: Keyword }
  /** Attachments of the message. None is fetched before the sender is known. */
  attachments?: Arrived[]
  /** Where an answer must be sent: a chat id, a number, a `mailto:` address with its conversation. */
  target: string
  /** The name by which a later edit refers to this message, where the channel has edits. Unique within `threadKey`. */
  ref?: string
  /** The `ref` of the earlier message whose words this message replaces. */
  edits?: string
  /** Set for a pressed button: the provider's id of the query, which must be acknowledged. */
  pressed?: string
  sentAt?: Date
}

/** One message as the outbox holds it: a text in Markdown, and buttons where the channel has them. */
export interface Outgoing {
  /** The id of the outbox row; it is the idempotency key where the provider takes one. */
  id: string
  target: string
  text: string
  buttons?: Button[]
  /** Shown without a sound or a notice on the person's device, where the channel has them. */
  silent?: boolean
  /** Provider ids of the parts that an earlier attempt sent, in order. Sending continues after them. */
  done?: string[]
  /** The instant from which the text is no longer true. A provider that still holds the message then must drop it. */
  expiresAt?: Date
  /** The text is not Markdown and is shown as it is. */
  plain?: boolean
  /** The text is an answer in a conversation. A channel that is paid by length may send one page, and the rest on demand. */
  brief?: boolean
  /** Called with the id of each accepted part. The caller stores it at once, so that no part is sent again after a failure. */
  onPart?: (providerId: string) => Promise<void>
  signal: AbortSignal
}

export interface Button {
  label: string
  /** 1 to 64 bytes of UTF-8. When the button is pressed, they arrive as the text of an `Inbound`. */
  reply: string
}

export interface Receipt {
  /** The provider's id of the message; the ids of several parts are joined with `,`. */
  providerId: string
  /** SMS segments that were sent, where the channel counts them. */
  segments?: number
}

/** An uncertain delivery to ask the provider about: the message as it was sent, and the earliest instant of its sending. */
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

/** A receipt when the whole message arrived; else the ids of its first parts, when those arrived and no other did. */
export type Found = Receipt | { arrived: string[] }

/** The state of a delivery, as a provider reports it after the send. */
export type DeliveryState = "sent" | "delivered" | "failed"

/** What a provider says became of one part that it accepted. */
export interface DeliveryOutcome {
  /** Null while the part is on its way. */
  state: DeliveryState | null
  failure?: { code: string; fix?: string }
  /** What the provider charged for the part, where it says so. */
  price?: { amount: number; currency: string; segments: number }
}

/** A webhook call exactly as it arrived. Nothing may change it before it is verified, because signatures cover its bytes. */
export interface WebhookRequest {
  /** Path and query as they were received: `/webhooks/twilio/status?o=1`. */
  url: string
  /** Header names in lower case, as Node gives them. */
  headers: Record<string, string | string[] | undefined>
  /** The body as UTF-8 text, unparsed. */
  body: string
}

/** A webhook call with the bytes of its body, for bodies that may not be UTF-8. */
export interface RawRequest extends WebhookRequest {
  bytes: Uint8Array
}

/** Something that is wrong at a provider although the provider answers. */
export interface Finding {
  severity: "error" | "warning"
  message: string
  /** What to do, as an imperative. */
  fix: string
}

/** A rate limit of the provider that counts a message: `burst` units at once, and one more unit every `everyMs` milliseconds. */
export interface RateLimit {
  /** Messages of the channel with the same key share the limit: `all`, or one chat. */
  key: string
  burst: number
  everyMs: number
  /** How many units this message takes. */
  units: number
}

export interface Channel {
  readonly id: ChannelId
  readonly capabilities: Capabilities
  /**
   * Hands a message to the provider. Throws `Retry` when the provider surely did not accept it (`afterMs` is the pause that
   * the provider asked for), `Reject` when the provider never will, `Uncertain` when its answer was lost.
   */
  send(message: Outgoing): Promise<Receipt>
  /** The rate limits that count a message. It does not leave sooner than they allow. Without this function there is no limit. */
  rateLimits?(message: Pick<Outgoing, "target" | "text" | "plain" | "brief" | "done">): RateLimit[]
  /** Fetches the bytes of an attachment by its `ref`. Throws `Retry` when a later try may succeed, else `Reject` or `Deny`. */
  fetchMedia?(ref: string, limits: MediaLimits): Promise<Uint8Array>
  /**
   * Asks the provider whether an uncertain delivery arrived; null when the channel cannot know. With `done`, it asks only
   * about the parts after those. `absent` means that none of the parts in question arrived, so sending may continue there.
   */
  lookup?(message: Lookup): Promise<Found | "absent" | null>
  /** Shows at `target` for a few seconds that Vigil is at work. Only with `capabilities.typing`. Throws like `send`. */
  typing?(target: string, signal: AbortSignal): Promise<void>
  /**
   * Replaces the text of a sent message with `text` and removes its buttons; `providerId` is the one of its receipt. False
   * when the message is gone; a message that has this text already is no error. Throws like `send`, and `Reject` when
   * `text` needs another number of messages than were sent.
   */
  edit?(target: string, providerId: string, text: string, signal: AbortSignal): Promise<boolean>
  /** Deletes a sent message; a message that is gone is no error. Throws like `send`. */
  unsend?(target: string, providerId: string, signal: AbortSignal): Promise<void>
  /** The least pause between two edits at `target`, in milliseconds. Present with `edit`. */
  editEveryMs?(target: string): number
  /** Asks the provider what became of a part, by its id, when no report came. Throws like `lookup`. */
  deliveryOutcome?(providerId: string, signal: AbortSignal): Promise<DeliveryOutcome>
  /** Finds what is wrong at the provider: the account, the number, the address of the webhook. Throws like `lookup`. */
  inspect?(signal: AbortSignal): Promise<Finding[]>
  /** Who Vigil is at the provider (bot name, number), for `doctor`. Throws like `send`. */
  probe(signal: AbortSignal): Promise<string>
}
