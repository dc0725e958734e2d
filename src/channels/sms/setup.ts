/**
 * SMS setup: checks whether Twilio's settings fit ours (the account, the number, the address of the webhook), and makes the
 * one change that Vigil makes there: it sets the address of the webhook. Checking changes nothing.
 */
import type { Finding } from "../channel.ts"
import type { SmsSettings, TwilioCalls } from "./client.ts"

/** Asks Twilio to repeat a delivery that failed. Twilio does not sign this part. Source: Twilio, "Connection overrides". */
const RETRIES = "#rc=3&rp=5xx,ct,rt"

const error = (message: string, fix: string): Finding => ({ severity: "error", message, fix })
const warning = (message: string, fix: string): Finding => ({ severity: "warning", message, fix })
const webhookAt = (publicUrl: string): string => `${publicUrl.replace(/\/+$/, "")}/webhooks/twilio`
const SET_UP = "run: npx vigil channels setup sms"

/** Finds what is wrong at Twilio; empty when nothing is. Throws like `probe`. */
export async function inspectSms(calls: TwilioCalls, settings: SmsSettings, signal: AbortSignal): Promise<Finding[]> {
  const findings = await Promise.all([
    inspectAccount(calls, settings, signal),
    inspectNumber(calls, settings, signal),
    inspectService(calls, settings, signal),
  ])
  return findings.flat()
}

async function inspectAccount(
  calls: TwilioCalls,
  { accountSid }: SmsSettings,
  signal: AbortSignal,
): Promise<Finding[]> {
  const account = await calls.read((client) => client.api.v2010.accounts(accountSid).fetch(), signal)
  if (account.status !== "active")
    return [error(`the Twilio account is ${account.status}`, "open the Twilio console: nothing can be sent until then")]
  if (account.type !== "Trial") return []
  return [
    warning(
      "it is a trial account: it texts only numbers verified in the console (21608), and its numbers cannot be registered for the United States",
      "upgrade the account, or verify each recipient's number in the Twilio console",
    ),
  ]
}

async function inspectNumber(calls: TwilioCalls, settings: SmsSettings, signal: AbortSignal): Promise<Finding[]> {
  if (settings.number === undefined) return []
  const owned = await numberOf(calls, settings.number, signal)
  if (owned === undefined)
    return [error(`the account does not own ${settings.number}`, "set TWILIO_NUMBER to a number of this account")]
  const withoutSms = owned.capabilities.sms
    ? []
    : [error(`${settings.number} cannot send text messages`, "choose a number with SMS in the Twilio console")]
  return [...withoutSms, ...deliveryFindings(settings, owned)]
}

/** The settings of a number at Twilio that say where its messages are delivered. */
interface NumberSettings {
  smsUrl: string | null
  smsMethod: string | null
  smsApplicationSid: string | null
}

function deliveryFindings({ number, publicUrl }: SmsSettings, owned: NumberSettings): Finding[] {
  if (publicUrl === undefined) return []
  const wanted = webhookAt(publicUrl)
  if (owned.smsApplicationSid)
    return [error(`a TwiML App takes the messages of ${number}`, "remove it from the number in the Twilio console")]
  const url = owned.smsUrl?.split("#")[0] ?? ""
  if (url !== wanted)
    return [error(`messages to ${number} are delivered ${hostOf(url)} instead of to ${wanted}`, SET_UP)]
  return owned.smsMethod === "GET" ? [error(`messages to ${number} are delivered by GET, not POST`, SET_UP)] : []
}

/** The host of another program's webhook. The rest of its address may be a secret and is never shown. */
function hostOf(url: string): string {
  if (url === "") return "nowhere"
  return URL.canParse(url) ? `to ${new URL(url).host}` : "elsewhere"
}

async function inspectService(
  calls: TwilioCalls,
  { messagingServiceSid, publicUrl }: SmsSettings,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (messagingServiceSid === undefined || publicUrl === undefined) return []
  const service = await calls.read((client) => client.messaging.v1.services(messagingServiceSid).fetch(), signal)
  if (service.useInboundWebhookOnNumber) return []
  const url = service.inboundRequestUrl?.split("#")[0] ?? ""
  if (url === webhookAt(publicUrl)) return []
  return [error(`the Messaging Service delivers messages ${hostOf(url)}, whatever the number says`, SET_UP)]
}

async function numberOf(calls: TwilioCalls, phoneNumber: string, signal: AbortSignal) {
  const [owned] = await calls.read((client) => client.incomingPhoneNumbers.list({ phoneNumber, limit: 1 }), signal)
  return owned
}

/** Makes Twilio deliver messages to `publicUrl`. Returns what was done, in sentences. Throws like `probe`. */
export async function setUpSms(
  calls: TwilioCalls,
  { number, messagingServiceSid, whatsappNumber }: SmsSettings,
  publicUrl: string,
  signal: AbortSignal,
): Promise<string[]> {
  const address = webhookAt(publicUrl)
  const done: string[] = []
  if (number !== undefined) done.push(await pointNumber(calls, number, address, signal))
  if (messagingServiceSid !== undefined) {
    const service = await calls.read((client) => client.messaging.v1.services(messagingServiceSid).fetch(), signal)
    if (!service.useInboundWebhookOnNumber || number === undefined) {
      const change = { inboundRequestUrl: address + RETRIES, inboundMethod: "POST", useInboundWebhookOnNumber: false }
      await calls.write((client) => client.messaging.v1.services(messagingServiceSid).update(change), signal)
      done.push(`The Messaging Service ${service.friendlyName} delivers messages to ${address} by POST.`)
    }
  }
  if (whatsappNumber !== undefined)
    done.push(
      `For WhatsApp, set "when a message comes in" of ${whatsappNumber} to ${address} (POST) in the Twilio console.`,
    )
  return done
}

async function pointNumber(calls: TwilioCalls, number: string, address: string, signal: AbortSignal): Promise<string> {
  const sid = (await numberOf(calls, number, signal))?.sid
  if (!sid) return `Nothing was changed for ${number}: the account does not own it.`
  const change = { smsUrl: address + RETRIES, smsMethod: "POST" }
  await calls.write((client) => client.incomingPhoneNumbers(sid).update(change), signal)
  return `Messages to ${number} are delivered to ${address} by POST.`
}
