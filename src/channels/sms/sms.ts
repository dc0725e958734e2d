/**
 * SMS: the channel over Twilio, made of the other files of this folder. Without a public address there are no webhooks;
 * `listInbound` then asks Twilio for messages and makes the same inbound messages as a webhook does.
 */
import { type Clock, systemClock } from "../../base/clock.ts"
import { Deny, Misconfigured } from "../../base/errors.ts"
import type { Channel, Inbound, WebhookRequest } from "../channel.ts"
import type { SmsSettings, TwilioCalls } from "./client.ts"
import { createTwilioCalls } from "./client.ts"
import { fetchTwilioMedia } from "./media.ts"
import type { DeliveryReport } from "./parse.ts"
import { inboundOf, listedAttachments, parseIncoming, parseStatus, withAttachments } from "./parse.ts"
import { smsRateLimits } from "./rate-limits.ts"
import { MAX_SMS_BODY } from "./render.ts"
import { deliveryOutcomeOf, findSms, sendSms } from "./send.ts"
import { inspectSms, setUpSms } from "./setup.ts"
import type { Form } from "./verify.ts"
import { isFromTwilio, readForm, TWILIO_SIGNATURE_HEADER } from "./verify.ts"
import { whatsappSender } from "./whatsapp.ts"

export interface Sms extends Channel {
  readonly id: "sms"
  /**
   * The two webhooks; null without a public address, because a signature covers that address. Both throw `Deny` for a wrong
   * signature, `Reject` for a form that is malformed or not for us.
   */
  readonly webhook: {
    incoming(request: WebhookRequest): Inbound
    status(request: WebhookRequest): DeliveryReport
  } | null
  lookup: NonNullable<Channel["lookup"]>
  deliveryOutcome: NonNullable<Channel["deliveryOutcome"]>
  inspect: NonNullable<Channel["inspect"]>
  /** Makes Twilio deliver messages to this address. Returns what was done, in sentences. */
  setUp(publicUrl: string, signal: AbortSignal): Promise<string[]>
  /** Messages received since then, oldest first, at most 1,000; repeats have the same `externalId`. */
  listInbound(since: Date, signal: AbortSignal): Promise<Inbound[]>
}

/** Throws `Misconfigured` when there is nothing to send from. */
export function createSms(settings: SmsSettings, clock: Clock = systemClock): Sms {
  if ((settings.number ?? settings.messagingServiceSid ?? settings.whatsappNumber) === undefined) {
    throw new Misconfigured("SMS has no sender", {
      fix: "Set TWILIO_NUMBER, TWILIO_MESSAGING_SERVICE_SID or TWILIO_WHATSAPP_NUMBER.",
    })
  }
  const calls = createTwilioCalls(settings)
  return {
    id: "sms",
    capabilities: { maxText: MAX_SMS_BODY, buttons: false, typing: false },
    rateLimits: smsRateLimits,
    webhook: settings.publicUrl === undefined ? null : webhookOf(settings, settings.publicUrl),
    send: async (message) => await sendSms({ calls, settings, clock }, message),
    lookup: async (message) => await findSms(calls, message),
    deliveryOutcome: async (providerId, signal) => await deliveryOutcomeOf(calls, providerId, signal),
    fetchMedia: async (ref, limits) => await fetchTwilioMedia({ calls, settings }, ref, limits),
    inspect: async (signal) => await inspectSms(calls, settings, signal),
    setUp: async (publicUrl, signal) => await setUpSms(calls, settings, publicUrl, signal),
    listInbound: async (since, signal) => await listInbound(calls, settings, since, signal),
    probe: async (signal) => await probe(calls, settings, signal),
  }
}

function webhookOf(settings: SmsSettings, publicUrl: string): NonNullable<Sms["webhook"]> {
  const verified = (request: WebhookRequest): Form => {
    const form = readForm(request.body)
    const tokens = [settings.authToken, settings.previousAuthToken ?? ""]
    const url = `${publicUrl.replace(/\/+$/, "")}${request.url}`
    if (isFromTwilio(tokens, request.headers[TWILIO_SIGNATURE_HEADER], url, form)) return form
    throw new Deny("the Twilio signature is missing or wrong", {
      code: "bad_signature",
      fix: `PUBLIC_URL must be exactly the address Twilio calls; it is ${publicUrl} now.`,
    })
  }
  return {
    incoming: (request) => parseIncoming(verified(request), settings),
    status: (request) => parseStatus(verified(request), request.url, settings),
  }
}

async function listInbound(
  calls: TwilioCalls,
  settings: SmsSettings,
  since: Date,
  signal: AbortSignal,
): Promise<Inbound[]> {
  const list = (ours: { to?: string }) =>
    calls.read((client) => client.messages.list({ ...ours, dateSentAfter: since, limit: 1000, pageSize: 100 }), signal)
  const listed = (await Promise.all(addressesOf(settings).map(list))).flat()
  // Twilio lists the newest first, to the second. The list is reversed before the stable sort, so that messages of one second
  // keep their order.
  return listed
    .toReversed()
    .filter((sent) => sent.direction === "inbound" && sent.dateCreated.getTime() >= since.getTime() - 1000)
    .sort((a, b) => a.dateCreated.getTime() - b.dateCreated.getTime())
    .map((sent) => {
      const attachments = listedAttachments(sent.sid, Number(sent.numMedia))
      const inbound = withAttachments(inboundOf(sent.sid, sent.from, sent.to, sent.body, settings), attachments)
      return { ...inbound, sentAt: sent.dateCreated }
    })
}

/** The filters for messages to our addresses; no filter when we have a Messaging Service without a number of our own. */
function addressesOf({ number, messagingServiceSid, whatsappNumber }: SmsSettings): { to?: string }[] {
  const text = number === undefined ? [] : [{ to: number }]
  const whatsApp = whatsappNumber === undefined ? [] : [{ to: `whatsapp:${whatsappNumber}` }]
  return number === undefined && messagingServiceSid !== undefined ? [{}] : [...text, ...whatsApp]
}

async function probe(calls: TwilioCalls, settings: SmsSettings, signal: AbortSignal): Promise<string> {
  const { number, messagingServiceSid, accountSid } = settings
  if (messagingServiceSid !== undefined) {
    const service = await calls.read((client) => client.messaging.v1.services(messagingServiceSid).fetch(), signal)
    return service.friendlyName
  }
  if (number === undefined) {
    const account = await calls.read((client) => client.api.v2010.accounts(accountSid).fetch(), signal)
    return `${whatsappSender(settings)} (account ${account.status})`
  }
  const owned = await calls.read(
    (client) => client.incomingPhoneNumbers.list({ phoneNumber: number, limit: 1 }),
    signal,
  )
  if (owned[0] !== undefined) return owned[0].phoneNumber
  throw new Misconfigured(`the Twilio account does not own ${number}`, {
    fix: "Set TWILIO_NUMBER to a number of this account, as +15551234567.",
  })
}
