/**
 * Generator: a process of its own that posts Telegram updates, either at a fixed rate whatever the answers take (open loop),
 * each timed from the moment it was due, or so many at a time, as fast as they are answered (closed loop). Says on its last
 * line what became of them.
 */
import { Agent, request } from "node:http"
import { setTimeout as pause } from "node:timers/promises"
import { z } from "zod"
import { codeOf } from "../../src/base/errors.ts"
import { type Sample, sampleOf } from "./figures.ts"

const order = z.object({
  url: z.string(),
  secret: z.string(),
  owner: z.number(),
  /** So many a second, or so many at a time. */
  pace: z.union([z.object({ rate: z.number() }), z.object({ lanes: z.number() })]),
  seconds: z.number(),
  /** Number of the first update. */
  first: z.number(),
  /** Conversations that they are spread over. */
  chats: z.number(),
})
export type Order = z.infer<typeof order>

export interface Shot {
  sent: number
  /** Numbers of the updates that were answered 200. */
  acknowledged: number[]
  /** Answered 503 with a time to come back. */
  refused: number
  /** Any other answer, and none. */
  wrong: Record<string, number>
  /** Milliseconds from due to acknowledged. */
  took: Sample
}

const PATIENCE_MS = 60_000

async function shoot({ url, secret, owner, pace, seconds, first, chats }: Order): Promise<Shot> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1000 })
  const shot: Shot = { sent: 0, acknowledged: [], refused: 0, wrong: {}, took: sampleOf([]) }
  const took: number[] = []
  const post = (n: number) =>
    new Promise<{ status: number; mayComeBack: boolean }>((resolve, reject) => {
      const person = { id: owner, is_bot: false, first_name: "O" }
      const chat = { id: owner + (n % chats), type: "private" }
      const body = JSON.stringify({
        update_id: n,
        message: { message_id: n, date: 1, chat, from: person, text: `ping ${n}` },
      })
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "x-telegram-bot-api-secret-token": secret,
      }
      const asked = request(url, { method: "POST", agent, headers, timeout: PATIENCE_MS }, (answer) => {
        answer.resume()
        const mayComeBack = answer.headers["retry-after"] !== undefined
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, mayComeBack }))
      })
      asked.on("timeout", () => asked.destroy(Object.assign(new Error("no answer"), { code: "TIMEOUT" })))
      asked.on("error", reject)
      asked.end(body)
    })
  const one = async (n: number, due: number) => {
    const { status, mayComeBack } = await post(n).catch((error: unknown) => ({
      status: codeOf(error),
      mayComeBack: false,
    }))
    if (status === 503 && mayComeBack) shot.refused++
    else if (status !== 200) shot.wrong[status] = (shot.wrong[status] ?? 0) + 1
    else {
      took.push(performance.now() - due)
      shot.acknowledged.push(n)
    }
  }
  const start = performance.now()
  const openLoop = async (rate: number) => {
    const all: Promise<void>[] = []
    while (shot.sent < rate * seconds) {
      const n = shot.sent++
      const due = start + (n * 1000) / rate
      const wait = due - performance.now()
      if (wait > 1) await pause(wait)
      all.push(one(first + n, due))
    }
    await Promise.all(all)
  }
  const lane = async () => {
    while (performance.now() - start < seconds * 1000) await one(first + shot.sent++, performance.now())
  }
  await ("rate" in pace ? openLoop(pace.rate) : Promise.all(Array.from({ length: pace.lanes }, lane)))
  agent.destroy()
  return { ...shot, took: sampleOf(took) }
}

process.stdout.write(`${JSON.stringify(await shoot(order.parse(JSON.parse(process.argv[2] ?? "{}"))))}\n`)
