/**
 * Scenario: processes of the product with people who write to them over the web, Telegram and SMS, for a fault to happen to.
 * A message is sent again until somebody takes it, as senders of webhooks do; at the end every one must have had its end.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Db } from "../../../src/db/db.ts"
import { createRandom } from "../../durability/random.ts"
import { createProcess, type ProcessOptions, type ProductProcess } from "../../support/process.ts"
import { openStorage, type Storage } from "../../support/storage.ts"
import { start as startTwilio } from "../../support/twilio-stand-in.ts"
import type { Evidence, Setting } from "../proof.ts"
import { brokenPromises, type Taken } from "./checker.ts"
import { CHAT, type Providers, SECRET, startProviders } from "./providers.ts"

const AGAIN_MS = 100
const PATIENCE_MS = 90_000
const REQUEST_MS = 20_000
/** Messages not yet answered, from which on nobody writes more: a run that finds dozens at once meets its limits, rightly. */
const MOST_OPEN = 24
const PHONE = "+15557654321"

export interface Scenario {
  random: () => number
  providers: Providers
  twilio: { url: string; port: number }
  processes: ProductProcess[]
  /** Which of the processes may be written to now; all that run unless changed. */
  targets: () => string[]
  /** What was acknowledged, in order. */
  taken: Taken[]
  /** How deliveries were answered that were not taken; 0 without an answer. `why`: what was logged by then, of a 500. */
  refused: { status: number; retryAfter: string | null; why?: string }[]
  /** A process that belongs to this scenario. */
  launch(options: ProcessOptions): Promise<ProductProcess>
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

/** A scenario for as long as `act` takes. */
export async function withScenario(
  setting: Setting,
  act: (scenario: Scenario) => Promise<Evidence>,
): Promise<Evidence> {
  const scenario = await openScenario(setting)
  try {
    return await act(scenario)
  } finally {
    await scenario.close()
  }
}

/** A scenario whose processes share a storage. */
export async function withStorage(
  setting: Setting,
  act: (scenario: Scenario, storage: Storage) => Promise<Evidence>,
): Promise<Evidence> {
  return await withScenario(setting, async (scenario) => {
    const storage = await openStorage(setting.database)
    scenario.later(() => storage.remove())
    return await act(scenario, storage)
  })
}

async function openScenario({ seed }: Setting): Promise<Scenario> {
  const random = createRandom(seed)
  const providers = await startProviders()
  const twilio = await startTwilio()
  const undos: (() => unknown)[] = [() => providers.stop(), () => twilio.stop()]
  const deliveries = new Map<string, Promise<void>>()
  let isOver = false
  let last = 0
  // The carrier lists a message as sent a moment after it took it.
  const carrier = setInterval(() => {
    for (const message of twilio.messages) if (message.status === "queued") message.status = "sent"
  }, 20)

  const posts: Record<Taken["channel"], (tag: string) => (target: string) => Promise<Response | null>> = {
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
    sms: (tag) => (target) =>
      twilio.receive({
        from: PHONE,
        body: `please do ${tag}`,
        webhookUrl: "http://vigil.test/webhooks/twilio",
        deliverTo: target,
        sid: `SM${tag.slice(4).padStart(32, "f")}`,
      }),
  }

  /** True when it was taken. */
  async function offer(channel: Taken["channel"], tag: string): Promise<boolean> {
    const all = scenario.targets()
    const target = all[Math.floor(random() * all.length)]
    if (target === undefined) return false
    const response = await posts[channel](tag)(target).catch(() => null)
    await response?.text().catch(() => {})
    if (response?.ok) scenario.taken.push({ channel, tag })
    else scenario.refused.push(refusalOf(response, scenario.processes))
    return response?.ok ?? false
  }

  async function deliver(channel: Taken["channel"], tag: string): Promise<void> {
    while (!isOver && !(await offer(channel, tag))) await sleep(AGAIN_MS)
  }

  const arrived = (channel: Taken["channel"]) =>
    channel === "telegram"
      ? providers.sent
      : twilio.messages.flatMap((one) => (one.direction === "inbound" ? [] : one.body))

  /** Messages that were answered; on the web nobody looks, so that those count at once. */
  const finished = () => {
    const words = `${arrived("telegram").join(" ")} ${arrived("sms").join(" ")}`
    return scenario.taken.filter(({ channel, tag }) => channel === "web" || words.includes(`done ${tag}.`)).length
  }

  const scenario: Scenario = {
    random,
    providers,
    twilio: { url: twilio.url, port: Number(new URL(twilio.url).port) },
    processes: [],
    targets: () => scenario.processes.filter((product) => product.isUp()).map((product) => product.url),
    taken: [],
    refused: [],
    async launch(options) {
      const product = await createProcess(options)
      scenario.processes.push(product)
      undos.push(() => product.kill())
      return product
    },
    envFor: (who, ports = {}) => ({
      ...providers.envFor(who, ports.providers),
      ...twilio.env,
      ...(ports.twilio === undefined ? {} : { TWILIO_API_BASE: `http://127.0.0.1:${ports.twilio}` }),
      OWNER_PHONE: PHONE,
    }),
    write() {
      for (const channel of ["telegram", "sms", "web"] as const) {
        const tag = `job-${++last}`
        // Web messages have a thread each; the others keep the order of their chat.
        const key = channel === "web" ? tag : channel
        deliveries.set(
          key,
          (deliveries.get(key) ?? Promise.resolve()).then(() => deliver(channel, tag)),
        )
      }
    },
    traffic(everyMs) {
      let timer: NodeJS.Timeout
      const next = () => {
        if (last - finished() < MOST_OPEN) scenario.write()
        timer = setTimeout(next, random() * 2 * everyMs)
      }
      next()
      undos.push(() => clearTimeout(timer))
      return () => clearTimeout(timer)
    },
    async drained() {
      const from = performance.now()
      while (performance.now() - from < PATIENCE_MS) {
        if (scenario.taken.length === last && (await isQuiet(scenario, arrived))) return performance.now() - from
        await sleep(50)
      }
      const words = scenario.processes.map((product) => product.said()).join("\n")
      throw new Error(
        `work is stuck: of ${last} messages ${last - scenario.taken.length} were not taken, ${last - finished()} not answered\n${words}`,
      )
    },
    verdict: async (db) => [
      ...scenario.processes.flatMap((product) => product.crashes),
      ...(await brokenPromises(db, scenario.taken, { telegram: arrived("telegram"), sms: arrived("sms") })),
    ],
    later: (undo) => void undos.push(undo),
    async close() {
      isOver = true
      clearInterval(carrier)
      for (const undo of undos.toReversed()) await undo()
    },
  }
  return scenario
}

function refusalOf(response: Response | null, processes: readonly ProductProcess[]): Scenario["refused"][number] {
  const status = response?.status ?? 0
  const retryAfter = response?.headers.get("retry-after") ?? null
  const logged = processes
    .flatMap((product) => product.said().split("\n"))
    .filter((line) => line.includes("request_failed"))
  return { status, retryAfter, ...(status === 500 ? { why: logged.join(" ").slice(-1500) } : {}) }
}

function post(path: string, body: object, headers: Record<string, string>) {
  return (target: string) =>
    fetch(`${target}${path}`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_MS),
    })
}

/** All that was taken was answered where it can be seen, and no run is at work. */
async function isQuiet(
  { taken, processes }: Scenario,
  arrived: (channel: Taken["channel"]) => string[],
): Promise<boolean> {
  for (const channel of ["telegram", "sms"] as const) {
    const words = arrived(channel).join(" ")
    if (taken.some((one) => one.channel === channel && !words.includes(`done ${one.tag}.`))) return false
  }
  const target = processes.find((product) => product.isUp())
  if (!target) return false
  const init = { headers: { authorization: `Bearer ${SECRET}` }, signal: AbortSignal.timeout(5000) }
  const text = await fetch(`${target.url}/metrics`, init).then(
    (response) => response.text(),
    () => "",
  )
  const busy =
    /^vigil_(runs\{state="running"\}|inbox\{state="(new|claimed)"\}|outbox\{state="(pending|sending)"\}) [1-9]/m
  return text.includes("vigil_database_up 1") && !busy.test(text)
}

/** A sender that is refused must be told that it is for now, and for how long. */
export function misanswered({ refused }: Scenario): string[] {
  return refused.flatMap(({ status, retryAfter, why = "" }) => {
    if (status === 0 || (status === 503 && retryAfter !== null)) return []
    return [`a message was answered with ${status}${status === 503 ? " without Retry-After" : ` ${why}`}`]
  })
}
