/** Files from Twilio: only from media of our own account, and with credentials for nobody else. */
import { Readable } from "node:stream"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { createSms, type Sms } from "../../../src/channels/sms/sms.ts"
import { jpeg } from "../../support/files.ts"
import { start, type TwilioStandIn } from "../../support/twilio-stand-in.ts"

const SID = `MM${"c".repeat(32)}`

let twilio: TwilioStandIn
let sms: Sms

beforeAll(async () => {
  twilio = await start()
  const { accountSid, authToken, number } = twilio
  sms = createSms({ accountSid, authToken, number, apiBase: twilio.url, publicUrl: "https://vigil.example.com" })
})
beforeEach(() => void twilio.asked.splice(0))
afterAll(() => twilio.stop())

const get = (ref: string, maxBytes = 5_000_000) =>
  sms.fetchMedia?.(ref, { maxBytes, signal: AbortSignal.timeout(10_000) })

function refOf(file: Parameters<TwilioStandIn["attach"]>[1][number], sid = SID): string {
  return new URL(twilio.attach(sid, [file]).MediaUrl0 ?? "").pathname
}

test("a file comes from the storage that the API names, which gets no credentials", async () => {
  expect(await get(refOf({ type: "image/jpeg", bytes: jpeg() }))).toEqual(jpeg())
  expect(twilio.asked.map(({ headers }) => typeof headers.authorization)).toEqual(["string", "undefined"])
})

test("a file of a listed message is found by its index", async () => {
  const sid = `MM${"d".repeat(32)}`
  twilio.attach(sid, [
    { type: "image/jpeg", bytes: jpeg(100) },
    { type: "image/jpeg", bytes: jpeg(200) },
  ])
  expect((await get(`${sid}/1`))?.length).toBe(200)
  await expect(get(`${sid}/7`)).rejects.toMatchObject({ name: "Deny" })
})

test("a listed message names each of its files with a reference", async () => {
  const sid = `MM${"e".repeat(32)}`
  const more = twilio.attach(sid, [{ type: "image/jpeg", bytes: jpeg() }])
  await twilio.receive({ from: "+15552223333", body: "look", sid, more })
  const listed = await sms.listInbound(new Date(0), AbortSignal.timeout(10_000))
  expect(listed.at(-1)).toMatchObject({ text: "look", attachments: [{ kind: "file", ref: `${sid}/0` }] })
})

test.each([
  "http://127.0.0.1:9/x",
  "http://[::1]/x",
  "http://169.254.169.254/latest/meta-data/",
  "https://127.0.0.1/x",
  "https://evil.example/mms.twiliocdn.com/x",
  "https://mms.twiliocdn.com.evil.example/x",
  "https://eviltwiliocdn.com/x",
  "https://mms.twiliocdn.com:8443/x",
  "https://user:pass@mms.twiliocdn.com/x",
  "https://s3-external-1.amazonaws.com/evil/x",
  "https://s3-external-1.amazonaws.com/media.twiliocdn.com.evil/x",
  "https://s3-external-1.amazonaws.com/media.twiliocdn.com/../evil/x",
  "ftp://mms.twiliocdn.com/x",
  "//evil.example/x",
  "javascript:alert(1)",
  "",
])("a redirect to %j is not followed", async (location) => {
  const ref = refOf({ type: "image/jpeg", bytes: jpeg(), location })
  await expect(get(ref)).rejects.toMatchObject({
    name: "Deny",
    message: "Twilio pointed to a place that is not its own",
  })
  expect(twilio.asked.length).toBe(1)
})

test("a second redirect is not followed", async () => {
  const ref = refOf({ type: "image/jpeg", bytes: jpeg() })
  twilio.trouble({ status: 302, headers: { location: "https://mms.twiliocdn.com/x" } }, ({ url }) => url.search !== "")
  await expect(get(ref)).rejects.toMatchObject({ name: "Deny" })
})

test.each([
  "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages/MM1/Media/ME1",
  "/2010-04-01/Accounts.json",
  "https://evil.example/x",
])("%s is not media of ours, and nothing is asked", async (ref) => {
  await expect(get(ref)).rejects.toMatchObject({ name: "Deny" })
  expect(twilio.asked).toEqual([])
})

test("a file that is too large, or has no end, is refused", async () => {
  await expect(get(refOf({ type: "image/jpeg", bytes: jpeg(6_000_000) }))).rejects.toMatchObject({ code: "too_large" })
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(65_536))
    },
  })
  await expect(get(refOf({ type: "image/jpeg", bytes: endless }))).rejects.toMatchObject({ code: "too_large" })
  await expect.poll(() => endless.destroyed).toBe(true)
})

test.each([
  ["is busy", { status: 503 }, "Retry"],
  ["breaks off", { drop: true as const }, "Retry"],
  ["no longer has it", { status: 404 }, "Reject"],
])("when Twilio %s, the error says so", async (_, trouble, name) => {
  const ref = refOf({ type: "image/jpeg", bytes: jpeg() })
  twilio.trouble(trouble)
  await expect(get(ref)).rejects.toMatchObject({ name })
})
