/**
 * Lanes: fifty conversations of a dozen people, by Telegram (alone and in the topics of a group), by SMS and on the web.
 * Each knows how its next message is posted to an address of the product.
 */
import type { TwilioStandIn } from "../../support/twilio-stand-in.ts"

export const SECRET = "0123456789abcdef0123456789abcdef"
export const PUBLIC_URL = "http://vigil.test"
export const OWNER = { phone: "+15557654321", telegram: 4242 }
const GROUP = -1_001_234_567_890
const TOPICS = 10
const WEB_THREADS = 16

/** Beside the owner; `id` is the row's in the table of people. */
export const MEMBERS = Array.from({ length: 11 }, (_, index) => ({
  id: `0190aaaa-0000-7000-8000-0000000000${String(index + 10)}`,
  name: `Member ${index + 1}`,
  phone: `+1555333${String(index + 1000)}`,
  telegram: 7000 + index,
}))

export type Post = (target: string) => Promise<Response | null>

export interface Lane {
  name: string
  /** A message with this text and number; the lane decides how it is addressed. */
  say(text: string, number: number): Post
}

const PATIENCE_MS = 10_000

export function lanesOf(twilio: TwilioStandIn, botId: number): Lane[] {
  const everybody = [OWNER, ...MEMBERS]
  return [
    ...everybody.map(({ phone }) => smsLane(twilio, phone)),
    ...everybody.map(({ telegram }) =>
      telegramLane(`telegram-${telegram}`, telegram, { id: telegram, type: "private" }),
    ),
    ...Array.from({ length: TOPICS }, (_, index) =>
      telegramLane(
        `topic-${index + 1}`,
        OWNER.telegram,
        { id: GROUP, type: "supergroup" },
        // Words in a group are for the bot when they answer it.
        { message_thread_id: index + 1, is_topic_message: true, reply_to_message: { from: { id: botId } } },
      ),
    ),
    ...Array.from({ length: WEB_THREADS }, (_, index) => webLane(`web-${index + 1}`)),
  ]
}

export function telegramLane(name: string, from: number, chat: object, more: object = {}): Lane {
  const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET }
  return {
    name,
    say: (text, number) => {
      const date = Math.floor(Date.now() / 1000)
      const message = {
        message_id: number,
        date,
        chat,
        from: { id: from, is_bot: false, first_name: "P" },
        text,
        ...more,
      }
      const body = JSON.stringify({ update_id: number, message })
      return (target) => fetch(`${target}/webhooks/telegram`, { method: "POST", headers, body, signal: patience() })
    },
  }
}

export const sidOf = (number: number): string => `SM${String(number).padStart(32, "f")}`

export function smsLane(twilio: TwilioStandIn, from: string): Lane {
  return {
    name: `sms-${from}`,
    say: (body, number) => (target) =>
      twilio.receive({
        from,
        body,
        webhookUrl: `${PUBLIC_URL}/webhooks/twilio`,
        deliverTo: target,
        sid: sidOf(number),
      }),
  }
}

/** The first message makes the thread; those after it name it, and so wait for it. */
function webLane(name: string): Lane {
  const made = Promise.withResolvers<string>()
  let isFirst = true
  return {
    name,
    say: (text, number) => {
      const wasFirst = isFirst
      isFirst = false
      const headers = {
        "content-type": "application/json",
        authorization: `Bearer ${SECRET}`,
        "idempotency-key": `web-${number}`,
      }
      return async (target) => {
        const thread = wasFirst ? "new" : await made.promise
        const body = JSON.stringify({ text, thread })
        const response = await fetch(`${target}/api/v1/messages`, { method: "POST", headers, body, signal: patience() })
        if (response.ok && wasFirst) made.resolve(threadIn(await response.clone().json()))
        return response
      }
    },
  }
}

function threadIn(answer: unknown): string {
  const thread = typeof answer === "object" && answer !== null && "thread" in answer ? answer.thread : undefined
  if (typeof thread !== "string") throw new Error("the answer to a first message names no thread")
  return thread
}

const patience = () => AbortSignal.timeout(PATIENCE_MS)
