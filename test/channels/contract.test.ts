/**
 * The contract that every channel keeps, asserted in the same way on each channel against its stand-in on loopback: who may
 * post, what an event becomes, what a person reads, and what each fault of the provider means. A case that does not apply to
 * a channel says why, and that reason is asserted too: no case is skipped in silence.
 */
import fc from "fast-check"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { Misconfigured, messageOf } from "../../src/base/errors.ts"
import type { ChannelId, Outgoing } from "../../src/channels/channel.ts"
import { createGitHub } from "../../src/channels/github/client.ts"
import { plainText, readMarkdown } from "../../src/channels/markdown.ts"
import { noGitHubOracle } from "../support/github-oracle.ts"
import { start as startGitHub } from "../support/github-stand-in.ts"
import { noTwilioOracle } from "../support/twilio-oracle.ts"
import { emailSide, githubSide, type Sender, type Side, smsSide, telegramSide, webSide } from "./sides.ts"

const CASES = {
  limits: "a message has a limit, and the channel states it",
  none: "a delivery without a proof of origin is refused",
  wrong: "a delivery with a wrong proof of origin is refused",
  words: "a person's words become a message that can be answered",
  key: "the same delivery has the same key, and another delivery has another key",
  text: "any text arrives within the limits, in order, and nothing is dropped",
  paragraph: "a text far beyond the limit arrives whole and within it: one paragraph",
  lines: "a text far beyond the limit arrives whole and within it: many lines",
  endless: "a text far beyond the limit arrives whole and within it: one endless word",
  receipt: "each message that was accepted has a receipt of its own",
  empty: "a message with nothing to see is refused before the provider is called",
  address: "a malformed address is refused before the provider is called",
  busy: "a provider that is busy means Retry, after one try and without a credential",
  refused: "a provider that refuses means Reject, after one try and without a credential",
  lost: "a lost answer means Uncertain, after one try and without a credential",
  away: "an unreachable provider means Retry, for messages and for the probe",
  given: "a send cancelled while the provider has the message is Uncertain; cancelled before, nothing was sent",
  probe: "the probe says who we are",
} as const
type Case = keyof typeof CASES

/** Why a case does not apply to a channel, and the name of the proof of it. */
type Excuses = Partial<Record<Case, readonly [why: string, proof: string]>>
const OURS = ["its messages stay in our own table, and no provider is called", "ours"] as const
const WORDLESS = ["it adds labels and assignees and writes no text", "wordless"] as const

const CHANNELS: [ChannelId, () => Promise<Side>, Excuses][] = [
  ["telegram", telegramSide, {}],
  ["sms", smsSide, {}],
  ["email", emailSide, {}],
  [
    "github",
    githubSide,
    {
      limits: WORDLESS,
      text: WORDLESS,
      paragraph: WORDLESS,
      lines: WORDLESS,
      endless: WORDLESS,
      receipt: ["a label that is added twice is there once", "set-like"],
      empty: ["an empty list of labels changes nothing", "no change"],
    },
  ],
  [
    "web",
    webSide,
    {
      limits: ["a page shows a text of any length", "any length"],
      empty: ["a message out stays with us; an empty message in is refused", "no such thread"],
      address: ["a message out stays with us; a message in for an unknown thread is refused", "no such thread"],
      busy: OURS,
      refused: OURS,
      lost: OURS,
      away: OURS,
      given: OURS,
      probe: OURS,
    },
  ],
]

describe.each(CHANNELS)("%s", (id, open, excuses) => {
  let side: Side
  let sends = 0
  const signal = new AbortController().signal
  const untested = new Set(Object.keys(CASES))
  /** Runs a case, or the proof that it does not apply to this channel. */
  function given(name: Case, run: () => Promise<void>): void {
    untested.delete(name)
    const excuse = excuses[name]
    if (excuse === undefined) test(CASES[name], run)
    else test(`${CASES[name]}: not here, because ${excuse[0]}`, async () => await provenBy(excuse[1])())
  }
  const provenBy = (proof: string) => side.proofs[proof] ?? expect.fail(`${id} has no proof "${proof}"`)

  const message = (more: Partial<Outgoing> = {}): Outgoing => ({
    id: `018f0000-0000-7000-8000-${String(++sends).padStart(12, "0")}`,
    target: side.target,
    text: "hello",
    signal,
    ...more,
  })
  const failureOf = async (channel: Sender, more: Partial<Outgoing> = {}) =>
    await channel.send(message(more)).then(
      () => null,
      (error: unknown) => error,
    )

  beforeAll(async () => {
    side = await open()
  })
  afterAll(async () => await side.stop())
  beforeEach(() => side.clear())

  given("limits", async () => {
    expect(side.maxText).toBeGreaterThan(100)
    expect(Number.isFinite(side.maxText)).toBe(true)
  })

  for (const proof of ["none", "wrong"] as const)
    given(proof, async () => {
      await expect(side.receive({ id: 1, text: "let me in" }, proof)).rejects.toMatchObject(side.refusal)
    })

  given("words", async () => {
    const [inbound] = await side.receive({ id: 2, text: "where is the key?" }, "right")
    expect(inbound).toMatchObject({ channel: id, text: "where is the key?", address: side.address })
    expect(inbound?.source).toMatch(new RegExp(`^${id}(?::|$)`))
    expect(inbound?.threadKey).toMatch(new RegExp(`^${id}:.*${side.address.replaceAll(/\W/g, "\\$&")}`))
    await side.channel.send(message({ target: inbound?.target ?? "", text: "under the pot" }))
    expect(await side.read()).toEqual(["under the pot"])
  })

  given("key", async () => {
    const keys = await Promise.all(
      [3, 3, 4].map(async (n) => {
        const [inbound] = await side.receive({ id: n, text: "hello" }, "right")
        return `${inbound?.source} ${inbound?.externalId}`
      }),
    )
    expect(keys[0]).toBe(keys[1])
    expect(keys[0]).not.toBe(keys[2])
  })

  given("text", async () => {
    const word = fc.stringMatching(/^[a-z]{1,10}[0-9]{1,3}$/)
    const line = fc.array(
      fc.oneof(
        word,
        word.map((one) => `**${one}**`),
        word.map((one) => `\`${one}\``),
      ),
      { minLength: 1, maxLength: 30 },
    )
    const texts = fc.array(fc.tuple(fc.constantFrom("", "- ", "> ", "# "), line), { minLength: 1, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(texts, async (lines) => {
        await side.clear()
        const text = lines.map(([mark, words]) => mark + words.join(" ")).join("\n\n")
        await side.channel.send(message({ text }))
        const read = await side.read()
        for (const one of read) expect(one.length).toBeLessThanOrEqual(side.maxText)
        const wordsOf = (said: string) => said.match(/[a-z]+[0-9]+/g)
        expect(wordsOf(read.join(" "))).toEqual(wordsOf(plainText(readMarkdown(text))))
      }),
      { numRuns: 25 },
    )
  })

  for (const [form, gap] of [
    ["paragraph", " "],
    ["lines", "\n\n"],
    ["endless", ""],
  ] as const)
    given(form, async () => {
      const words = Array.from({ length: 4000 }, (_, n) => `w${n}`)
      await side.channel.send(message({ text: words.join(gap) }))
      const read = await side.read()
      for (const one of read) expect(one.length).toBeLessThanOrEqual(side.maxText)
      expect(read.join("").replace(/\s/g, "")).toBe(words.join(""))
    })

  given("receipt", async () => {
    const one = await side.channel.send(message())
    const two = await side.channel.send(message())
    expect(one.providerId).not.toBe("")
    expect(one.providerId).not.toBe(two.providerId)
    expect(await side.read()).toEqual(["hello", "hello"])
  })

  given("empty", async () => {
    const before = side.came()
    expect(await failureOf(side.channel, { text: " \n " })).toMatchObject({ name: "Reject", code: "empty_message" })
    expect(side.came()).toBe(before)
  })

  given("address", async () => {
    const before = side.came()
    expect(await failureOf(side.channel, { target: "no body" })).toMatchObject({ name: "Reject" })
    expect(side.came()).toBe(before)
  })

  for (const [fault, name] of [
    ["busy", "Retry"],
    ["refused", "Reject"],
    ["lost", "Uncertain"],
  ] as const)
    given(fault, async () => {
      const before = side.came()
      side.fault(fault)
      const error = await failureOf(side.channel)
      expect(error).toMatchObject({ name })
      expect(side.came()).toBe(before + 1)
      expect(`${messageOf(error)} ${(error as Error).stack}`).not.toContain(side.credential)
      side.rest()
      await side.channel.send(message({ text: "the next one" }))
      expect((await side.read()).at(-1)).toBe("the next one")
    })

  given("away", async () => {
    expect(await failureOf(side.lonely)).toMatchObject({ name: "Retry", code: "unreachable" })
    await expect(side.lonely.probe(signal)).rejects.toMatchObject({ name: "Retry" })
  })

  given("given", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = new AbortController()
    side.hold(promise)
    const before = side.came()
    const sending = failureOf(side.channel, { signal: stop.signal })
    await expect.poll(() => side.came()).toBe(before + 1)
    stop.abort()
    expect(await sending).toMatchObject({ name: "Uncertain" })
    resolve()
    expect(await failureOf(side.channel, { signal: AbortSignal.abort() })).toMatchObject({ name: "Retry" })
    expect(side.came()).toBe(before + 1)
  })

  given("probe", async () => {
    expect(await side.channel.probe(signal)).toMatch(/vigil@example\.com|\+15550001111|@\w+/)
  })

  const judges: Partial<Record<ChannelId, string | undefined>> = {
    telegram: undefined,
    sms: noTwilioOracle,
    github: noGitHubOracle,
  }
  if (id in judges) {
    const missing = judges[id]
    const judged = missing === undefined ? test : test.skip
    judged(missing ?? "its provider's own description finds no fault in anything of this", async () => {
      expect(await side.faults()).toEqual([])
    })
  }

  test("no case of the contract was left out", () => {
    expect([...untested]).toEqual([])
  })
})

test("github: a wrong token is Misconfigured", async () => {
  const server = await startGitHub({ repos: { "octo/demo": {} } })
  const github = createGitHub({ token: "wrong", apiUrl: server.url, repos: ["octo/demo"] })
  await expect(github.probe(new AbortController().signal)).rejects.toBeInstanceOf(Misconfigured)
  await server.stop()
})
