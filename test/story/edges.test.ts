/** The process itself: who may start, what is wrong with its settings, how it ends, and what a stranger sees of it. */
import { once } from "node:events"
import { connect } from "node:net"
import { afterEach, expect, onTestFinished, test } from "vitest"
import { chatReply } from "../model/stand-in.ts"
import { testDir } from "../support/dir.ts"
import { createProcess, type ProductProcess } from "../support/process.ts"
import { basicEnv, type Home, home, type Product, startProduct, TOKEN, talk } from "../support/product.ts"
import { startStandIn } from "../support/stand-in.ts"
import { openStorage } from "../support/storage.ts"

const WAIT = { timeout: 60_000 }
const LONG = { timeout: 180_000 }
/** More than Node lets wait unless it is told. */
const CROWD = 700

const places: Pick<Home, "remove">[] = []
const processes: ProductProcess[] = []
let product: Product | undefined

afterEach(async () => {
  await product?.stop()
  product = undefined
  for (const started of processes.splice(0)) await started.kill()
  for (const place of places.splice(0)) await place.remove()
})

async function newHome(): Promise<Home> {
  const place = await home()
  places.push(place)
  return place
}

async function launched(env: Record<string, string>): Promise<ProductProcess> {
  const made = await createProcess({ env, keepsOutput: true })
  processes.push(made)
  made.launch({ mayEnd: true })
  return made
}

/** A process in a place, once it can serve. */
async function running(place: Pick<Home, "dir" | "url">, env: Record<string, string> = {}): Promise<ProductProcess> {
  const database = place.url === "" ? {} : { DATABASE_URL: place.url }
  const made = await createProcess({ env: { ...basicEnv(place.dir), LOG_LEVEL: "warn", ...database, ...env } })
  processes.push(made)
  await made.start()
  return made
}

test("a second process on the same data directory refuses and names the one that has it", LONG, async () => {
  const { dir, remove } = await openStorage("pglite", async () => {})
  places.push({ remove })
  const first = await running({ dir, url: "" })
  const second = await launched(basicEnv(dir))
  expect(await second.ended()).toBe(2)
  expect(second.output().err).toContain(`${dir} is in use by process ${first.pid()}`)
  expect(second.output().err).toContain("fix: stop that process")
  expect((await talk(first.url).ask("/readyz")).status).toBe(200)
})

test("wrong settings are all named at once, each with its fix, and nothing is started", LONG, async () => {
  const { dir, remove } = testDir()
  places.push({ remove: async () => remove() })
  const wrong = { PORT: "eighty", TWILIO_NUMBER: "555", OWNER_TIMEZONE: "Mars/Olympus", GITHUB_REPOS: "hello" }
  const started = await launched({ ...basicEnv(dir), ...wrong })
  expect(await started.ended()).toBe(2)
  const { out, err } = started.output()
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
  first.signal("SIGTERM")
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
    expect(await first.ended()).toBe(0)
    expect(Date.now() - released).toBeLessThan(30_000)

    const messages = await messagesOfNext()
    expect(await messages()).toEqual(["are you there?", "Here I am."])
    expect(server.asked.length).toBe(1)
  },
)

test("SIGTERM while it still starts, already listening, also leaves with 0", LONG, async () => {
  const place = await newHome()
  const database = place.url === "" ? {} : { DATABASE_URL: place.url }
  const started = await launched({ ...basicEnv(place.dir), ...database, LOG_LEVEL: "warn" })
  const { port } = new URL(started.url)
  // The kernel takes connections as soon as it listens, long before it has time to answer.
  const isListening = async () => {
    const socket = connect(Number(port), "127.0.0.1")
    const answer = once(socket, "connect").then(
      () => true,
      () => false,
    )
    return await answer.finally(() => socket.destroy())
  }
  while (started.isUp() && !(await isListening()));
  started.signal("SIGTERM")
  expect(await started.ended()).toBe(0)
})

test("a run that is interrupted by a second signal is finished after the next start", LONG, async () => {
  const { first, held, messagesOfNext } = await toldToStopAtWork()
  first.signal("SIGTERM")
  expect(await first.ended()).toBe(1)
  held.resolve()

  await expect.poll(await messagesOfNext(), WAIT).toEqual(["are you there?", "Here I am."])
})

test("a crowd that comes while the process is busy waits in the kernel, and each is answered", LONG, async () => {
  const place = await newHome()
  const started = await running(place)
  const { port } = new URL(started.url)
  started.freeze()
  let connected = 0
  const answers = Array.from({ length: CROWD }, async () => {
    const socket = connect({ port: Number(port), host: "127.0.0.1" })
    socket.on("connect", () => connected++)
    socket.end("GET /healthz HTTP/1.1\r\nhost: vigil\r\nconnection: close\r\n\r\n")
    const said = await socket.setEncoding("utf8").toArray().catch(String)
    return [said].flat().join("").slice(0, 15)
  })
  await expect.poll(() => connected, WAIT).toBe(CROWD)
  started.thaw()
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["HTTP/1.1 200 OK"]))
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
