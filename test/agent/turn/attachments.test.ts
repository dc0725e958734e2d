/** What comes with messages, looked at in numbered steps: over crashes, on a budget, and with every kind of thing that can be wrong. */
import { sql } from "drizzle-orm"
import { describe, expect, test } from "vitest"
import { createAttachments } from "../../../src/agent/turn/attachments.ts"
import { createAnswer, createTurn } from "../../../src/agent/turn/turn.ts"
import { Deny, Reject, Retry } from "../../../src/base/errors.ts"
import { newId } from "../../../src/base/ids.ts"
import type { Attachment } from "../../../src/channels/attachment.ts"
import type { MediaLimits } from "../../../src/channels/media.ts"
import { createMemory } from "../../../src/memory/store.ts"
import type { ModelRequest, Transcriber, Transcript } from "../../../src/model/model.ts"
import { createMediaStore } from "../../../src/thread/inbox/media.ts"
import { jpeg, ogg, page, words, zip } from "../../support/files.ts"
import { ownDatabase } from "../../support/own.ts"
import { text as said, scriptedModel, spine } from "../../support/spine.ts"

const base = await ownDatabase()

type Give = (ref: string, limits: MediaLimits) => Promise<Uint8Array>
const HEARD: Transcript = {
  text: "call mum",
  usage: { input: 5, cached: 0, output: 2 },
  cost: 0.01,
  provider: "t",
  model: "t",
}

/** A person's thread with things to send; `give` is the channel, `hear` the endpoint that transcribes. */
async function room({ give, hear, sees = true }: { give: Give; hear?: () => Promise<Transcript>; sees?: boolean }) {
  const clock = { now: () => new Date() }
  const model = Object.assign(scriptedModel(Array(20).fill("fine")), { sees: () => sees })
  const store = createMediaStore({ db: base.db, clock })
  const counts = { fetched: 0, heard: 0 }
  const transcriber: Transcriber | undefined = hear && {
    model: "t",
    estimate: () => null,
    async transcribe() {
      counts.heard += 1
      return await hear()
    },
  }
  const perception = createAttachments({
    store,
    model,
    transcriber,
    async fetch(_channel, ref, limits) {
      counts.fetched += 1
      return await give(ref, limits)
    },
  })
  const memory = createMemory({ db: base.db, queue: { send: async () => {} }, clock })
  const answer = createAnswer({ db: base.db, memory, tokens: model.tokens, tools: new Map(), perception })
  const s = await spine({ db: base.db, model, handlers: { message: createTurn(answer) } })
  const threadKey = `telegram:${newId()}`

  async function send(attachments: Attachment[], text = "look") {
    const payload = { text: `${text}\n[it]`, words: text, attachments }
    return await s.inbox.accept(said(text, { threadKey, payload }))
  }
  /** The newest words put to the model. */
  const shown = () => {
    const last = model.asked.at(-1) as ModelRequest
    return last.messages.findLast((message) => message.role === "user")
  }
  return { s, send, shown, counts, model, store }
}

const IMAGE: Attachment = { kind: "image", ref: "i", type: "image/jpeg" }
const VOICE: Attachment = { kind: "voice", ref: "v", type: "audio/ogg", size: 4000 }
const unread = (heard: unknown) =>
  ((heard as { attached?: { unread?: string }[] }).attached ?? []).map((one) => one.unread)

describe("what cannot be read is said", () => {
  test.each<[string, Attachment, Give, RegExp]>([
    ["a video", { kind: "video", ref: "x" }, async () => jpeg(), /can't watch videos/],
    ["a sticker", { kind: "other", name: "sticker" }, async () => jpeg(), /can't read this/],
    ["an archive", { kind: "file", ref: "x", type: "application/zip" }, async () => zip(), /files of this kind/],
    ["something without a place", { kind: "image" }, async () => jpeg(), /can't fetch it/],
    ["an image that is too large", { ...IMAGE, size: 9_000_000 }, async () => jpeg(), /larger than 5 MB/],
    ["an image that is a page", IMAGE, async () => page(), /not the image\/jpeg it claims to be \(text\/plain\)/],
    ["an image that is a recording", IMAGE, async () => ogg(), /not the image\/jpeg it claims/],
    [
      "an image of a kind that no model takes",
      IMAGE,
      async () => words("BM then more"),
      /can't see images of this kind \(image\/bmp\)/,
    ],
    [
      "a text that is an archive",
      { kind: "file", ref: "x", type: "text/csv" },
      async () => zip(),
      /not the text\/csv it claims/,
    ],
    [
      "an image that is gone",
      IMAGE,
      async () => {
        throw new Reject(404, "gone")
      },
      /could not fetch it: gone/,
    ],
    [
      "an image that is elsewhere",
      IMAGE,
      async () => {
        throw new Deny("not ours")
      },
      /could not fetch it: not ours/,
    ],
    [
      "an image whose place stays away",
      IMAGE,
      async () => {
        throw new Retry("away")
      },
      /could not fetch it: away/,
    ],
    ["a recording, where nothing hears", VOICE, async () => ogg(), /can't hear recordings: no model/],
  ])("%s", async (_, attachment, give, why) => {
    const r = await room({ give })
    const { threadId } = await r.send([attachment])
    while ((await r.s.settle(threadId)) > 0 || r.model.asked.length === 0) {
      // A run that was put off is claimed again when its time has come.
      await base.db.query(sql`update threads set ready_at = now() where id = ${threadId} and ready_at is not null`)
    }
    expect(unread(r.shown())).toEqual([expect.stringMatching(why)])
    expect(r.model.asked.length).toBe(1)
  })

  test("an image to a model that sees nothing, which is not even fetched", async () => {
    const r = await room({ give: async () => jpeg(), sees: false })
    await r.s.settle((await r.send([IMAGE])).threadId)
    expect(unread(r.shown())).toEqual(["I can't see images without a model that can"])
    expect(r.counts.fetched).toBe(0)
  })
})

describe("what has neither type nor name", () => {
  test.each([
    ["a picture", jpeg(), { image: { type: "image/jpeg" } }],
    ["a text", words("milk, eggs"), { content: "milk, eggs" }],
    ["nobody knows", new Uint8Array([0, 1, 2]), { unread: "I can't read files of this kind yet" }],
  ])("is %s by its bytes", async (_, bytes, attached) => {
    const r = await room({ give: async () => bytes })
    await r.s.settle((await r.send([{ kind: "file", ref: "x" }])).threadId)
    expect(r.shown()).toMatchObject({ attached: [attached] })
  })
})

test("a long text is cut to its budget, and says so", async () => {
  const r = await room({ give: async () => words("line\n".repeat(20_000)) })
  await r.s.settle((await r.send([{ kind: "file", ref: "x", name: "a.txt" }])).threadId)
  const [file] = (r.shown() as { attached: { content: string }[] }).attached
  expect(r.model.tokens(file?.content ?? "")).toBeLessThan(4_050)
  expect(file?.content).toMatch(/\(cut here: 16000 of 100000 characters\)$/)
})

test("more pictures than a call may carry are named instead", async () => {
  const r = await room({ give: async (ref) => jpeg(4_900_000 + Number(ref)) })
  await r.s.settle((await r.send([1, 2, 3].map((n) => ({ ...IMAGE, ref: String(n) })))).threadId)
  expect(unread(r.shown())).toEqual([undefined, undefined, "I can't see so many images at once"])
})

describe("a recording", () => {
  test("of the sender's own is their words; of another's it is beside them", async () => {
    const r = await room({ give: async () => ogg(), hear: async () => HEARD })
    const { threadId } = await r.send([VOICE, { kind: "audio", ref: "a", type: "audio/ogg" }], "")
    await r.s.settle(threadId)
    expect(r.shown()).toMatchObject({ text: "voice note: call mum", attached: [{ content: "call mum" }] })
    const [row] = await base.db.query<{ text: string }>(
      sql`select payload ->> 'text' as text from inbox where thread_id = ${threadId}`,
    )
    expect(row?.text).toBe("voice note: call mum\n[sound file, audio/ogg, 4 kB]")
  })

  test("that the endpoint will not take, or that says nothing, is answered for, and owes nothing", async () => {
    const refusing = async () => {
      throw new Reject(400, "corrupted", { code: "model_rejected" })
    }
    for (const [hear, why] of [
      [refusing, /could not hear it: corrupted/],
      [async () => ({ ...HEARD, text: "" }), /no words in it/],
    ] as const) {
      const r = await room({ give: async () => ogg(), hear })
      await r.s.settle((await r.send([VOICE])).threadId)
      expect(unread(r.shown())).toEqual([expect.stringMatching(why)])
    }
    const [row] = await base.db.query<{ unpriced: number }>(
      sql`select count(*) as unpriced from journal where name = 'transcribe' and phase = 'outcome' and cost_usd is null`,
    )
    expect(row?.unpriced).toBe(0)
  })

  test("is fetched once and paid for once over a crash behind it", async () => {
    const r = await room({ give: async () => ogg(), hear: async () => HEARD })
    const { threadId } = await r.send([VOICE])
    const first = await r.s.leases.claim(threadId)
    if (!first?.run) throw new Error("nothing to claim")
    r.model.ask = async () => {
      throw new Retry("away")
    }
    await r.s.execute({ ...first, run: first.run }, new AbortController().signal)
    expect(r.counts).toEqual({ fetched: 1, heard: 1 })
    const asked: ModelRequest[] = []
    r.model.ask = async (request) => {
      asked.push(request)
      return { text: "fine", toolCalls: [], finish: "stop", usage: HEARD.usage, cost: 0, provider: "t", model: "t" }
    }
    await base.db.query(sql`update threads set ready_at = now() where id = ${threadId}`)
    await r.s.settle(threadId)
    expect(r.counts).toEqual({ fetched: 1, heard: 1 })
    expect(asked[0]?.messages.at(-1)).toMatchObject({ text: "look\nvoice note: call mum" })
  })
})

test("a picture that was dropped since is said to be gone", async () => {
  const r = await room({ give: async () => jpeg(3333) })
  const { threadId } = await r.send([IMAGE])
  const keep = r.store.keep
  r.store.keep = async (file) => {
    const kept = await keep(file)
    await base.db.query(sql`delete from media where sha256 = ${kept.hash}`)
    return kept
  }
  await r.s.settle(threadId)
  expect(unread(r.shown())).toEqual(["I no longer have it"])
})
