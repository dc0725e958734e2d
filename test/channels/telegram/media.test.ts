/** Files from Telegram: never more bytes than allowed, and never the address, which holds the token, in an error. */
import { Readable } from "node:stream"
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest"
import { createTelegram, type Telegram } from "../../../src/channels/telegram/telegram.ts"
import { jpeg } from "../../support/files.ts"
import { startStandIn } from "../../support/stand-in.ts"
import { start, type TelegramStandIn } from "../../support/telegram-stand-in.ts"

let server: TelegramStandIn
let telegram: Telegram

beforeAll(async () => {
  server = await start()
  telegram = createTelegram({ token: server.token, apiRoot: server.url })
})
afterAll(() => server.stop())

const get = (id: string, maxBytes = 5_000_000, signal = AbortSignal.timeout(10_000)) =>
  telegram.fetchMedia?.(id, { maxBytes, signal })

/** The error that was thrown, as text with everything inside it. */
async function refusal(getting: Promise<unknown> | undefined): Promise<{ name: string; message: string; all: string }> {
  const error = await getting?.then(
    () => new Error("it was given"),
    (thrown: Error & { code?: string }) => thrown,
  )
  const seen = (one: unknown): unknown =>
    one instanceof Error ? [one.name, one.message, one.stack, seen(one.cause)] : String(one)
  return { name: error?.name ?? "", message: error?.message ?? "", all: JSON.stringify(seen(error)) }
}

test("a file arrives unchanged", async () => {
  server.files.set("a", { bytes: jpeg() })
  expect(await get("a")).toEqual(jpeg())
})

test.each([
  ["too large by its stated size, it is not downloaded", { bytes: jpeg(), size: 6_000_000 }, 0],
  ["larger than its stated size, it is refused", { bytes: jpeg(6_000_000), size: 10 }, 1],
])("when a file is %s", async (_, file, downloads) => {
  const before = server.asked.length
  server.files.set("large", file)
  expect(await refusal(get("large"))).toMatchObject({
    name: "Reject",
    message: "it is larger than the 5 MB I can take",
  })
  const asked = server.asked.slice(before).filter(({ url }) => url.pathname.startsWith("/file/"))
  expect(asked.length).toBe(downloads)
})

test("a body without an end is refused", async () => {
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(65_536))
    },
  })
  server.files.set("endless", { bytes: endless, size: 10 })
  expect(await refusal(get("endless"))).toMatchObject({ name: "Reject", message: /larger/ })
  await expect.poll(() => endless.destroyed).toBe(true)
})

test("a file larger than bots may download is refused, by us and by Telegram", async () => {
  server.files.set("film", { bytes: jpeg(), size: 30_000_000 })
  expect(await refusal(get("film", 50_000_000))).toMatchObject({ name: "Reject", message: /file is too big/ })
})

test.each(["../../../etc/passwd", "/var/lib/file", "a//b", "https://evil.example/x", "a/../b", "a?x=1", ""])(
  "a path like %j is not followed",
  async (path) => {
    server.files.set("odd", { bytes: jpeg(), path })
    expect(await refusal(get("odd"))).toMatchObject({ name: "Reject", message: "Telegram named no file to fetch" })
  },
)

test.each([
  ["the connection is lost", { drop: true as const }],
  ["Telegram is busy", { status: 500 }],
  ["Telegram redirects us", { status: 302, headers: { location: "http://127.0.0.1:1/" } }],
])("when %s it is Retry, and no error holds the token", async (_, trouble) => {
  server.files.set("a", { bytes: jpeg() })
  server.trouble(trouble, ({ url }) => url.pathname.startsWith("/file/"))
  const said = await refusal(get("a"))
  expect(said.name).toBe("Retry")
  expect(said.all).not.toContain(server.token)
})

test("a file that never comes is given up with the run", async () => {
  const gate = Promise.withResolvers<void>()
  const silent = await startStandIn(async ({ url }) => {
    if (url.pathname.startsWith("/file/")) await gate.promise
    return { status: 200, body: { ok: true, result: { file_id: "a", file_path: "a.bin" } } }
  })
  onTestFinished(async () => {
    gate.resolve()
    await silent.stop()
  })
  const at = createTelegram({ token: server.token, apiRoot: silent.url })
  const giveUp = new AbortController()
  const getting = at.fetchMedia?.("a", { maxBytes: 1000, signal: giveUp.signal })
  await expect.poll(() => silent.asked.length).toBe(2)
  giveUp.abort()
  expect((await refusal(getting)).all).not.toContain(server.token)
})
