/**
 * Scene: processes of the product with people who write to them over the web, Telegram and SMS, for a fault to happen to.
 * A message is sent again until somebody takes it, as senders of webhooks do; at the end every one must have had its end.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Db } from "../../../src/db/db.ts"
import { createRandom } from "../../durability/random.ts"
import { start as startTwilio } from "../../support/twilio-stand-in.ts"
import type { Setting } from "../proof.ts"
import { type Boat, type BoatOptions, createBoat } from "./boat.ts"
import { CHAT, type Providers, SECRET, startProviders } from "./providers.ts"
import { broken, type Taken } from "./verdict.ts"

const AGAIN_MS = 100
const PATIENCE_MS = 90_000
const REQUEST_MS = 20_000
/** Messages not yet answered, from which on nobody writes more: a run that finds dozens at once meets its limits, rightly. */
const MOST_OPEN = 24
const PHONE = "+15557654321"

export interface Scene {
  random: () => number
  providers: Providers
  twilio: { url: string; port: number }
  boats: Boat[]
  /** Which of the processes may be written to now; all that run unless changed. */
  doors: () => string[]
  /** What was acknowledged, in order. */
  taken: Taken[]
  /** How deliveries were answered that were not taken; 0 without an answer. `why`: what was logged by then, of a 500. */
  refused: { status: number; retryAfter: string | null; why?: string }[]
  /** A process that belongs to this scene. */
  launch(options: BoatOptions): Promise<Boat>
  /** For a process, with the providers' and the carrier's ports replaced where they are reached another way. */
  envFor(who: string, ports?: { providers?: number; twilio?: number }): Record<string, string>
  /** One message on each way in. */
  write(): void
  /** `write` every so many milliseconds, about, until the returned function is called. */
  traffic(everyMs: number): () => void
  /** Waits until all that was written was taken, answered and sent; says how many milliseconds that took. */
  drained(): Promise<number>
  /** After the last process: every broken promise. */
  verdict(db: Db): Promise<string[]>
  /** Undone at the end, last first. */
  later(undo: () => unknown): void
  close(): Promise<void>
}

export async function openScene({ seed }: Setting): Promise<Scene> {
  const random = createRandom(seed)
  const providers = await startProviders()
  const twilio = await startTwilio()
  const undos: (() => unknown)[] = [() => providers.stop(), () => twilio.stop()]
  const lanes = new Map<string, Promise<void>>()
  let isOver = false
  let last = 0
  // The carrier lists a message as sent a moment after it took it.
  const carrier = setInterval(() => {
    for (const message of twilio.messages) if (message.status === "queued") message.status = "sent"
  }, 20)

  const posts: Record<Taken["lane"], (tag: string) => (door: string) => Promise<Response | null>> = {
    telegram: (tag) => {
      const id = Number(tag.slice(4))
      const from = { id: CHAT, is_bot: false, first_name: "O" }
      const chat = { id: CHAT, type: "private" }
      const message = { message_id: id, date: 1_700_000_000, chat, from, text: `please do ${tag}` }
      return post("/webhooks/telegram", { update_id: id, message }, { "x-telegram-bot-api-secret-token": SECRET })
    },
    web: (tag) => {
      const headers = { authorization: `Bearer ${SECRET}`, "idempotency-key": tag }
      return post("/api/v1/messages", { text: `please do ${tag}`, thread: "new" }, headers)
    },
    sms: (tag) => (door) =>
      twilio.receive({
        from: PHONE,
        body: `please do ${tag}`,
        webhookUrl: "http://vigil.test/webhooks/twilio",
        deliverTo: door,
        sid: `SM${tag.slice(4).padStart(32, "f")}`,
      }),
  }

  /** True when it was taken. */
  async function offer(lane: Taken["lane"], tag: string): Promise<boolean> {
    const all = scene.doors()
    const door = all[Math.floor(random() * all.length)]
    if (door === undefined) return false
    const response = await posts[lane](tag)(door).catch(() => null)
    await response?.text().catch(() => {})
    if (response?.ok) scene.taken.push({ lane, tag })
    else scene.refused.push(refusalOf(response, scene.boats))
    return response?.ok ?? false
  }

  async function deliver(lane: Taken["lane"], tag: string): Promise<void> {
    while (!isOver && !(await offer(lane, tag))) await sleep(AGAIN_MS)
  }

  const arrived = (lane: Taken["lane"]) =>
    lane === "telegram"
      ? providers.sent
      : twilio.messages.flatMap((one) => (one.direction === "inbound" ? [] : one.body))

  /** Messages that were answered; on the web nobody looks, so that those count at once. */
  const finished = () => {
    const words = `${arrived("telegram").join(" ")} ${arrived("sms").join(" ")}`
    return scene.taken.filter(({ lane, tag }) => lane === "web" || words.includes(`done ${tag}.`)).length
  }

  const scene: Scene = {
    random,
    providers,
    twilio: { url: twilio.url, port: Number(new URL(twilio.url).port) },
    boats: [],
    doors: () => scene.boats.filter((boat) => boat.isUp()).map((boat) => boat.url),
    taken: [],
    refused: [],
    async launch(options) {
      const boat = await createBoat(options)
      scene.boats.push(boat)
      undos.push(() => boat.kill())
      return boat
    },
    envFor: (who, ports = {}) => ({
      ...providers.envFor(who, ports.providers),
      TWILIO_ACCOUNT_SID: twilio.accountSid,
      TWILIO_AUTH_TOKEN: twilio.authToken,
      TWILIO_NUMBER: twilio.number,
      TWILIO_API_BASE: ports.twilio === undefined ? twilio.url : `http://127.0.0.1:${ports.twilio}`,
      OWNER_PHONE: PHONE,
    }),
    write() {
      for (const lane of ["telegram", "sms", "web"] as const) {
        const tag = `job-${++last}`
        // Web messages have a thread each; the others keep the order of their chat.
        const key = lane === "web" ? tag : lane
        lanes.set(
          key,
          (lanes.get(key) ?? Promise.resolve()).then(() => deliver(lane, tag)),
        )
      }
    },
    traffic(everyMs) {
      let timer: NodeJS.Timeout
      const next = () => {
        if (last - finished() < MOST_OPEN) scene.write()
        timer = setTimeout(next, random() * 2 * everyMs)
      }
      next()
      undos.push(() => clearTimeout(timer))
      return () => clearTimeout(timer)
    },
    async drained() {
      const from = performance.now()
      while (performance.now() - from < PATIENCE_MS) {
        if (scene.taken.length === last && (await isQuiet(scene, arrived))) return performance.now() - from
        await sleep(50)
      }
      const words = scene.boats.map((boat) => boat.said()).join("\n")
      throw new Error(
        `work is stuck: of ${last} messages ${last - scene.taken.length} were not taken, ${last - finished()} not answered\n${words}`,
      )
    },
    verdict: async (db) => [
      ...scene.boats.flatMap((boat) => boat.wrecks),
      ...(await broken(db, scene.taken, { telegram: arrived("telegram"), sms: arrived("sms") })),
    ],
    later: (undo) => void undos.push(undo),
    async close() {
      isOver = true
      clearInterval(carrier)
      for (const undo of undos.toReversed()) await undo()
    },
  }
  return scene
}

function refusalOf(response: Response | null, boats: readonly Boat[]): Scene["refused"][number] {
  const status = response?.status ?? 0
  const retryAfter = response?.headers.get("retry-after") ?? null
  const logged = boats.flatMap((boat) => boat.said().split("\n")).filter((line) => line.includes("request_failed"))
  return { status, retryAfter, ...(status === 500 ? { why: logged.join(" ").slice(-1500) } : {}) }
}

function post(path: string, body: object, headers: Record<string, string>) {
  return (door: string) =>
    fetch(`${door}${path}`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_MS),
    })
}

/** All that was taken was answered where it can be seen, and no run is at work. */
async function isQuiet({ taken, boats }: Scene, arrived: (lane: Taken["lane"]) => string[]): Promise<boolean> {
  for (const lane of ["telegram", "sms"] as const) {
    const words = arrived(lane).join(" ")
    if (taken.some((one) => one.lane === lane && !words.includes(`done ${one.tag}.`))) return false
  }
  const door = boats.find((boat) => boat.isUp())
  if (!door) return false
  const init = { headers: { authorization: `Bearer ${SECRET}` }, signal: AbortSignal.timeout(5000) }
  const text = await fetch(`${door.url}/metrics`, init).then(
    (response) => response.text(),
    () => "",
  )
  const busy =
    /^vigil_(runs\{state="running"\}|inbox\{state="(new|claimed)"\}|outbox\{state="(pending|sending)"\}) [1-9]/m
  return text.includes("vigil_database_up 1") && !busy.test(text)
}

/** A sender that is refused must be told that it is for now, and for how long. */
export function misanswered({ refused }: Scene): string[] {
  return refused.flatMap(({ status, retryAfter, why = "" }) => {
    if (status === 0 || (status === 503 && retryAfter !== null)) return []
    return [`a message was answered with ${status}${status === 503 ? " without Retry-After" : ` ${why}`}`]
  })
}
