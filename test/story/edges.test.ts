/** The process itself: who may start, what is wrong with its settings, how it ends, and what a stranger sees of it. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { join } from "node:path"
import { afterEach, expect, onTestFinished, test } from "vitest"
import { chatReply } from "../model/stand-in.ts"
import { testDir } from "../support/dir.ts"
import { basicEnv, type Home, home, type Product, startProduct, TOKEN, talk } from "../support/product.ts"
import { startStandIn } from "../support/stand-in.ts"

const MAIN = join(import.meta.dirname, "../../src/main.ts")
const WAIT = { timeout: 60_000 }
const LONG = { timeout: 180_000 }

interface Process {
  child: ChildProcess
  /** Standard output and error so far. */
  said(): { out: string; err: string }
  /** The exit code. */
  ended: Promise<number | null>
}

const places: Pick<Home, "remove">[] = []
const processes: Process[] = []
let product: Product | undefined

afterEach(async () => {
  await product?.stop()
  product = undefined
  for (const { child, ended } of processes.splice(0)) {
    child.kill("SIGKILL")
    await ended
  }
  for (const place of places.splice(0)) await place.remove()
})

async function newHome(): Promise<Home> {
  const place = await home()
  places.push(place)
  return place
}

function run(env: Record<string, string>): Process {
  const { PATH = "" } = process.env
  const child = spawn(process.execPath, [MAIN, "all"], { env: { PATH, ...env }, stdio: ["ignore", "pipe", "pipe"] })
  let out = ""
  let err = ""
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk
  })
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk
  })
  const ended = once(child, "close").then(() => child.exitCode)
  const started = { child, said: () => ({ out, err }), ended }
  processes.push(started)
  return started
}

/** A process in a place, once it says where it listens. */
async function running(place: Pick<Home, "dir" | "url">, env: Record<string, string> = {}) {
  const database = place.url === "" ? {} : { DATABASE_URL: place.url }
  const started = run({ ...basicEnv(place.dir), LOG_LEVEL: "warn", ...database, ...env })
  const url = () => /ready in .* at (http:\/\/\S+)/.exec(started.said().out)?.[1]
  await expect.poll(() => url() ?? started.child.exitCode, WAIT).not.toBeNull()
  return { ...started, url: url() ?? `it ended: ${started.said().err}` }
}

test("a second process on the same data directory refuses and names the one that has it", LONG, async () => {
  const { dir, remove } = testDir()
  places.push({ remove: async () => remove() })
  const first = await running({ dir, url: "" })
  const second = run(basicEnv(dir))
  expect(await second.ended).toBe(2)
  expect(second.said().err).toContain(`${dir} is in use by process ${first.child.pid}`)
  expect(second.said().err).toContain("fix: stop that process")
  expect((await talk(first.url).ask("/readyz")).status).toBe(200)
})

test("wrong settings are all named at once, each with its fix, and nothing is started", LONG, async () => {
  const { dir, remove } = testDir()
  places.push({ remove: async () => remove() })
  const wrong = { PORT: "eighty", TWILIO_NUMBER: "555", OWNER_TIMEZONE: "Mars/Olympus", GITHUB_REPOS: "hello" }
  const started = run({ ...basicEnv(dir), ...wrong })
  expect(await started.ended).toBe(2)
  const { out, err } = started.said()
  expect(out).toBe("")
  expect(
    err.match(/^ *(?:vigil: )?[A-Z_]+ .+\n +fix: .+$/gm)?.map((problem) => /[A-Z_]{4,}/.exec(problem)?.[0]),
  ).toEqual(["PORT", "TWILIO_NUMBER", "GITHUB_REPOS", "OWNER_TIMEZONE"])
})

/** A process that was told to stop, and serves no more, while its model has a question in hand; `held` lets it answer. */
async function toldToStopAtWork() {
  const server = await startStandIn(() => chatReply({ content: "Here I am." }))
  onTestFinished(server.stop)
  const held = Promise.withResolvers<void>()
  server.trouble({ hold: held.promise })
  const place = await newHome()
  const env = { OPENAI_BASE_URL: `${server.url}/v1`, VIGIL_MODEL: "some-model" }
  const first = await running(place, env)
  const { api } = talk(first.url)
  const said = await api<{ thread: string }>("/api/v1/messages", { method: "POST", body: { text: "are you there?" } })
  await expect.poll(() => server.asked.length, WAIT).toBe(1)
  first.child.kill("SIGTERM")
  await expect
    .poll(
      () =>
        talk(first.url)
          .ask("/healthz")
          .catch(() => "gone"),
      WAIT,
    )
    .toBe("gone")
  /** Starts the next process of the same home; says what the thread holds now. */
  async function messagesOfNext() {
    const { url } = await running(place, env)
    const path = `/api/v1/threads/${said.thread}/messages`
    return async () =>
      (await talk(url).api<{ messages: { text: string }[] }>(path)).messages.map((message) => message.text)
  }
  return { first, server, held, messagesOfNext }
}

test(
  "SIGTERM lets a run at work end and leaves with 0 within seconds; its answer is there after the next start",
  LONG,
  async () => {
    const { first, server, held, messagesOfNext } = await toldToStopAtWork()
    const released = Date.now()
    held.resolve()
    expect(await first.ended).toBe(0)
    expect(Date.now() - released).toBeLessThan(30_000)

    const messages = await messagesOfNext()
    expect(await messages()).toEqual(["are you there?", "Here I am."])
    expect(server.asked.length).toBe(1)
  },
)

test("SIGTERM while it still starts, already listening, also leaves with 0", LONG, async () => {
  const place = await newHome()
  const server = await startStandIn(() => ({ status: 200 }))
  await server.stop()
  const { port } = new URL(server.url)
  const database = place.url === "" ? {} : { DATABASE_URL: place.url }
  const started = run({ ...basicEnv(place.dir), ...database, PORT: port, LOG_LEVEL: "warn" })
  // The kernel takes connections as soon as it listens, long before it has time to answer.
  const isListening = async () => {
    const socket = connect(Number(port), "127.0.0.1")
    const answer = once(socket, "connect").then(
      () => true,
      () => false,
    )
    return await answer.finally(() => socket.destroy())
  }
  while (started.child.exitCode === null && !(await isListening()));
  started.child.kill("SIGTERM")
  expect(await started.ended).toBe(0)
})

test("a run that is interrupted by a second signal is finished after the next start", LONG, async () => {
  const { first, held, messagesOfNext } = await toldToStopAtWork()
  first.child.kill("SIGTERM")
  expect(await first.ended).toBe(1)
  held.resolve()

  await expect.poll(await messagesOfNext(), WAIT).toEqual(["are you there?", "Here I am."])
})

test("open to others and owned by nobody, it serves health, webhooks and the one-time link, and the rest with the token alone", async () => {
  const MASTER_KEY = Buffer.alloc(32, 7).toString("base64")
  product = await startProduct({
    env: { HOST: "0.0.0.0", MASTER_KEY, GITHUB_WEBHOOK_SECRET: "github-secret-0123456789", GITHUB_REPOS: "octo/demo" },
  })
  const { ask, app } = product
  const status = async (path: string, init?: RequestInit) => (await ask(path, init)).status
  expect(await status("/healthz")).toBe(200)
  expect(await status("/readyz")).toBe(200)
  for (const path of ["/", "/runs", "/live", "/api/v1/status", "/api/v1/runs", "/api/v1/memories", "/api/openapi.json"])
    expect(await status(path), path).toBe(403)
  expect(await status("/api/v1/messages", { method: "POST" })).toBe(403)
  expect(await status("/metrics", { headers: { "x-forwarded-for": "203.0.113.9" } })).toBe(401)
  const json = { method: "POST", body: "{}", headers: { "content-type": "application/json" } }
  expect(await status("/webhooks/github", json)).toBe(401)
  expect(await status("/webhooks/telegram", json)).toBe(404)
  expect(await status("/start?k=guessed")).toBe(410)
  expect(await status("/api/v1/status", { headers: { authorization: `Bearer ${TOKEN}` } })).toBe(200)

  const link = new URL(await app.ownerLink())
  expect(await status(`${link.pathname}${link.search}`)).toBe(200)
  const taken = await ask("/start", {
    method: "POST",
    redirect: "manual",
    headers: { "sec-fetch-site": "same-origin" },
    body: new URLSearchParams({ k: link.searchParams.get("k") ?? "" }),
  })
  const cookie = (taken.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? ""
  expect(await status("/", { headers: { cookie } })).toBe(200)
  expect(await status("/")).toBe(401)
})
