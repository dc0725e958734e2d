/**
 * Soak: many turns through one process as fast as they go, several threads at once, over the web and Telegram, with what
 * the process holds after each part. Whatever grows with the number of turns shows as a slope.
 */
import { Agent, type IncomingMessage, request } from "node:http"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { z } from "zod"
import { createProcess, type ProductProcess } from "../support/process.ts"
import { openStorage } from "../support/storage.ts"
import { leastSquares } from "./faults/least-squares.ts"
import { CHAT, type Providers, SECRET, startProviders } from "./faults/providers.ts"
import type { Reading } from "./faults/resource-gauge.ts"
import type { Evidence, Proof, Setting } from "./proof.ts"

const GAUGE = join(import.meta.dirname, "faults/resource-gauge.ts")
/** Web threads; each from an address of its own, as the limit of requests is one of each address. */
const WEB_LANES = 7
/** The part of the turns that is not counted: caches fill, code is compiled. */
const WARM = 0.3
const PARTS = { short: 6, full: 20 }
/** Bytes that a run may come to hold: V8's notes on compiled code, mostly. A longer run can tell less a turn from nothing: 28 bytes of 50,000. */
const NOTHING = { short: 14_000_000, full: 1_000_000 }
/** What may come to be open in a whole run without being a leak: the embedded database opens a file for each map of a table that grew. */
const SOME = { fds: 24, sockets: 1, timers: 1, waiting: 1 }
const LONG_TURNS = 50_000
const TURNS = { short: { postgres: 1000, pglite: 1000 }, full: { postgres: 6000, pglite: 2000 } }

interface Sample extends Reading {
  turns: number
  /** Threads that have work and nobody who does it. */
  waiting: number
}

export const soak = soakOf("soak", (form, database) => TURNS[form][database])

/** Shows the least slope. Takes a quarter of an hour on Postgres, twice as long embedded. */
export const longSoak = soakOf("long soak", () => LONG_TURNS)

function soakOf(name: string, turns: (form: Setting["form"], database: Setting["database"]) => number): Proof {
  return {
    name,
    databases: ["postgres", "pglite"],
    expects: "green",
    async run(setting) {
      const providers = await startProviders({ keeps: false })
      const storage = await openStorage(setting.database)
      const env = { ...providers.envFor("soak"), ...storage.env() }
      const product = await createProcess({ env, flags: ["--expose-gc"], imports: [GAUGE] })
      try {
        await product.start()
        return await take({ product, providers, setting, turns: turns(setting.form, setting.database) })
      } finally {
        await product.kill()
        await providers.stop()
        await storage.remove()
      }
    },
  }
}

interface Soak {
  product: ProductProcess
  providers: Providers
  setting: Setting
  turns: number
}

async function take({ product, providers, setting, turns }: Soak): Promise<Evidence> {
  const lanes = openLanes(product.url, providers)
  const samples: Sample[] = []
  const took: number[] = []
  const parts = PARTS[setting.form]
  const warm = Math.ceil(turns * WARM)
  let done = 0
  const part = async (until: number) => {
    const began = performance.now()
    const from = done
    await Promise.all(
      lanes.map(async (lane) => {
        while (done < until) await lane(done++)
      }),
    )
    took.push((performance.now() - began) / (done - from))
  }
  await part(warm)
  for (let each = 0; each <= parts; each++) {
    samples.push({ ...(await product.ask<Reading>({ gauge: true })), turns: done, waiting: await waiting(product.url) })
    setting.say(`soak, ${setting.database}: ${done} turns, ${JSON.stringify(samples.at(-1))}`)
    if (each < parts) await part(warm + ((turns - warm) * (each + 1)) / parts)
  }
  for (const lane of lanes) lane.close()
  return verdict(samples, took, { nothing: NOTHING[setting.form] / (turns - warm), crashes: product.crashes })
}

interface Bounds {
  /** Bytes a turn. */
  nothing: number
  crashes: string[]
}

function verdict(samples: Sample[], took: number[], { nothing, crashes }: Bounds): Evidence {
  const figures: Evidence["figures"] = {}
  const violations = [...crashes]
  const at = (pick: (sample: Sample) => number) => samples.map((sample) => ({ x: sample.turns, y: pick(sample) }))
  figures.turns = samples.at(-1)?.turns ?? 0
  figures["turns a second"] = Math.round(1000 / (took.slice(1).reduce((sum, ms) => sum + ms, 0) / (took.length - 1)))
  for (const name of ["rss", "heap", "code", "external", "wasm"] as const) {
    const { slope, plusMinus } = leastSquares(at((sample) => sample[name]))
    const last = samples.at(-1)?.[name] ?? 0
    figures[name] = `${(last / 1e6).toFixed(1)} MB, ${slope.toFixed(1)} ± ${plusMinus.toFixed(1)} bytes a turn`
    if (name !== "code" && slope - plusMinus > nothing)
      violations.push(`${name} grows by ${slope.toFixed(1)} bytes a turn`)
  }
  for (const name of ["fds", "sockets", "timers", "waiting"] as const) {
    const { slope, plusMinus } = leastSquares(at((sample) => sample[name]))
    const values = samples.map((sample) => sample[name])
    figures[name] = `${Math.min(...values)} to ${Math.max(...values)}`
    if ((slope - plusMinus) * figures.turns > SOME[name])
      violations.push(`${name} grow with the turns: ${values.join(", ")}`)
  }
  return { figures, violations }
}

interface Lane {
  (turn: number): Promise<void>
  close(): void
}

function openLanes(url: string, providers: Providers): Lane[] {
  return [...Array.from({ length: WEB_LANES }, (_, n) => webLane(url, n)), telegramLane(url, providers)]
}

const answered = z.looseObject({ thread: z.string(), reply: z.string() })

/** Says something and waits for its answer. */
function webLane(url: string, n: number): Lane {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: `127.0.0.${n + 2}` })
  const headers = { authorization: `Bearer ${SECRET}`, prefer: "wait=30" }
  let thread = "new"
  const lane = async (turn: number) => {
    const once = { ...headers, "idempotency-key": `soak-${turn}` }
    const said = await post(`${url}/api/v1/messages`, { text: textOf(turn), thread }, once, agent)
    thread = answered.parse(JSON.parse(said)).thread
  }
  return Object.assign(lane, { close: () => agent.destroy() })
}

function telegramLane(url: string, { nextMessage }: Providers): Lane {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const headers = { "x-telegram-bot-api-secret-token": SECRET }
  const from = { id: CHAT, is_bot: false, first_name: "O" }
  const lane = async (turn: number) => {
    const message = { message_id: turn + 1, date: 1_700_000_000, chat: { id: CHAT, type: "private" }, from }
    const heard = nextMessage()
    const update = { update_id: turn + 1, message: { ...message, text: textOf(turn) } }
    await post(`${url}/webhooks/telegram`, update, headers, agent)
    await heard
  }
  return Object.assign(lane, { close: () => agent.destroy() })
}

/** Mostly talk; now and then something to keep or to find. */
function textOf(turn: number): string {
  if (turn % 50 === 0) return `please do job-${turn}`
  if (turn % 50 === 25) return `please recall job ${turn - 25} of the long list`
  return `ping ${turn}`
}

async function waiting(url: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${SECRET}` } })
  const text = await response.text()
  return Number(/^vigil_threads\{state="waiting"\} (\d+)/m.exec(text)?.[1] ?? 0)
}

/** Who is told to come back later does, and so does who is told that the reply is not there yet. */
async function post(url: string, body: object, headers: Record<string, string>, agent: Agent): Promise<string> {
  for (;;) {
    const { status, text } = await postOnce(url, body, headers, agent)
    if (status === 200) return text
    if (status === 202) continue
    if (status !== 503) throw new Error(`${url}: ${status} ${text}`)
    await pause(1000)
  }
}

/** With Node's own client, which can choose the address that it calls from. */
function postOnce(url: string, body: object, headers: Record<string, string>, agent: Agent) {
  const options = { method: "POST", agent, headers: { ...headers, "content-type": "application/json" } }
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const asked = request(url, options, (response: IncomingMessage) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      response.on("end", () => resolve({ status: response.statusCode, text }))
    })
    asked.on("error", reject)
    asked.end(JSON.stringify(body))
  })
}
