import { sql } from "drizzle-orm"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { Execute } from "../../../src/agent/durable/execute.ts"
import { Reject, Retry } from "../../../src/base/errors.ts"
import { newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import type { Channel } from "../../../src/channels/channel.ts"
import { createKv } from "../../../src/db/kv.ts"
import { postNotice } from "../../../src/thread/outbox/outbox.ts"
import { createProgressLines } from "../../../src/thread/outbox/progress.ts"
import { statusText } from "../../../src/worker/presence/status-text.ts"
import { createPresence, type Presence } from "../../../src/worker/presence/typing.ts"
import { ownSpine } from "../../support/own.ts"
import { type Working, working } from "../../support/work.ts"

const s = await ownSpine()

/** What the chat shows, in order. */
let seen: string[]
/** The error that the next call of a kind throws. */
let troubles: Map<string, Error>
let presences: Presence[]
beforeEach(async () => {
  seen = []
  troubles = new Map()
  presences = []
  await s.db.raw("delete from kv")
})
afterEach(async () => {
  await Promise.all(presences.map((presence) => presence.stop()))
})

function call(kind: string, words: string): void {
  const trouble = troubles.get(kind)
  troubles.delete(kind)
  if (trouble) throw trouble
  seen.push(words)
}

let sends = 0
const telegram: Channel = {
  id: "telegram",
  capabilities: { maxText: 4096, buttons: true, typing: true },
  async send({ target, text, silent }) {
    call("send", `send ${target} ${text}${silent ? " (silent)" : ""}`)
    return { providerId: String(++sends) }
  },
  typing: async (target) => call("typing", `typing ${target}`),
  async edit(_target, providerId, text) {
    call("edit", `edit ${text}`)
    return Number(providerId) > 0
  },
  unsend: async (_target, _providerId) => call("unsend", "unsend"),
  editEveryMs: () => 1500,
  probe: async () => "telegram",
}

/** A process whose time the test controls: `pass` ends every sleep that began before. */
function process(channel: Channel = telegram) {
  const sleeping: { ms: number; wake: () => void }[] = []
  const presence = createPresence({
    db: s.db,
    lines: createProgressLines({ db: s.db, kv: createKv({ db: s.db, clock: { now: () => new Date() } }) }),
    channels: new Map([[channel.id, channel]]),
    notifier: s.notifier,
    log: silentLog,
    sleep: (ms, signal) =>
      new Promise<void>((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        sleeping.push({ ms, wake: resolve })
        signal.addEventListener("abort", () => reject(signal.reason), { once: true })
      }),
  })
  presences.push(presence)
  return {
    presence,
    sleeps: () => sleeping.map(({ ms }) => ms).sort((a, b) => a - b),
    /** Ends the first sleep of this many milliseconds, once there is one. */
    async pass(ms: number) {
      await soon(() => sleeping.some((one) => one.ms === ms)).toBe(true)
      sleeping
        .splice(
          sleeping.findIndex((one) => one.ms === ms),
          1,
        )[0]
        ?.wake()
    },
  }
}
const soon = (what: () => unknown) => expect.poll(what, { timeout: 60_000, interval: 5 })

const onTelegram = () =>
  working(s, "hello", { channel: "telegram", threadKey: `telegram:666:${newId()}`, target: "42" })

/** A run that works until `end` is called. */
function running({ presence }: { presence: Presence }, w: Working) {
  const end = Promise.withResolvers<void>()
  const execute: Execute = async () => {
    await end.promise
    return { more: false, posted: [], unsent: [] }
  }
  const done = presence.around(execute)(w.claim, new AbortController().signal)
  return {
    async end() {
      end.resolve()
      await done
    },
  }
}

/** Ends the run with an answer, which is sent when `sent` is called. */
async function answered(w: Working) {
  await s.db.query(sql`update runs set state = 'done' where id = ${w.runId}`)
  const key = newId()
  await postNotice(s.db, { threadId: w.threadId, runId: w.runId, dedupeKey: key, text: "done", now: new Date() })
  return {
    async sent() {
      await s.db.query(sql`update outbox set state = 'sent' where dedupe_key = ${key}`)
      s.notifier.notify("thread", w.threadId)
    },
  }
}

describe("typing", () => {
  test("begins after 400 ms, is repeated every four seconds, and ends with the run", async () => {
    const { edit: _, ...withoutLines } = telegram
    const at = process(withoutLines)
    const run = running(at, await onTelegram())
    await at.pass(400)
    await soon(() => seen).toEqual(["typing 42"])
    await soon(() => at.sleeps()).toEqual([4000])
    await at.pass(4000)
    await soon(() => seen).toEqual(["typing 42", "typing 42"])
    await run.end()
    await at.presence.stop()
    expect(seen).toEqual(["typing 42", "typing 42"])
  })

  test("is not shown for a run that answers at once", async () => {
    const at = process()
    await running(at, await onTelegram()).end()
    await at.presence.stop()
    expect(seen).toEqual([])
  })

  test("is shown only on channels that have it, and only on known threads", async () => {
    const at = process({ ...telegram, capabilities: { ...telegram.capabilities, typing: false } })
    await running(at, await onTelegram()).end()
    await running(at, await working(s)).end()
    expect([seen, at.sleeps()]).toEqual([[], []])
  })

  test("that fails is given up, and the run does not notice", async () => {
    const at = process()
    const run = running(at, await onTelegram())
    troubles.set("typing", new Retry("busy"))
    await at.pass(400)
    await soon(() => at.sleeps()).toEqual([4000])
    await run.end()
    expect(seen).toEqual([])
  })

  test("never outlives a run that fails", async () => {
    const at = process()
    const failing = at.presence.around(() => Promise.reject(new Error("a fault")))
    await expect(failing((await onTelegram()).claim, new AbortController().signal)).rejects.toThrow("a fault")
    await at.presence.stop()
    expect(seen).toEqual([])
  })
})

describe("a status message", () => {
  /** A run long enough to have one, on a channel without typing, which would add to what the chat shows. */
  async function withLine(w?: Working) {
    const own = w ?? (await onTelegram())
    const at = process()
    const run = running(at, own)
    troubles.set("typing", new Reject(403, "no"))
    await at.pass(400)
    await at.pass(4000)
    return { at, run, w: own }
  }

  test("comes silently after four seconds, and is edited in place only when its text changes", async () => {
    const { at, run, w } = await withLine()
    await soon(() => seen).toEqual(["send 42 Working on it. (silent)"])
    await at.pass(1500)
    at.presence.doing(w.runId, "recall")
    await at.pass(1500)
    await soon(() => seen.slice(1)).toEqual(["edit Working on it: looking in my memory"])
    at.presence.doing(w.runId, "web_search")
    await at.pass(1500)
    await soon(() => seen.slice(2)).toEqual(["edit Working on it: web search (step 2)"])
    await run.end()
  })

  test("is removed once the answer was sent, and not before", async () => {
    const { run, w } = await withLine()
    await soon(() => seen.length).toBe(1)
    const answer = await answered(w)
    await run.end()
    s.notifier.notify("thread", w.threadId)
    await presences[0]?.tidy()
    expect(seen.length).toBe(1)
    await answer.sent()
    await soon(() => seen.slice(1)).toEqual(["unsend"])
    await presences[0]?.tidy()
    expect(seen.slice(1)).toEqual(["unsend"])
  })

  test("stays while the run works, or waits for its next try", async () => {
    const { run } = await withLine()
    await soon(() => seen.length).toBe(1)
    await run.end()
    await presences[0]?.tidy()
    expect(seen.length).toBe(1)
  })

  test("of a dead process is edited by the next process, in the same message", async () => {
    const w = await onTelegram()
    const first = await withLine(w)
    await soon(() => seen.length).toBe(1)
    await soon(async () => (await s.db.raw("select 1 from kv where namespace = 'progress'")).length).toBe(1)
    const second = await withLine(w)
    await soon(() => seen.slice(1)).toEqual(["edit Working on it."])
    await second.run.end()
    await (await answered(w)).sent()
    await soon(() => seen.slice(2)).toEqual(["unsend"])
    await first.run.end()
  })

  test("of a dead process is removed by any other", async () => {
    const { run, w } = await withLine()
    await soon(async () => (await s.db.raw("select 1 from kv where namespace = 'progress'")).length).toBe(1)
    await run.end()
    await s.db.query(sql`update runs set state = 'done' where id = ${w.runId}`)
    await process().presence.tidy()
    expect(seen.slice(1)).toEqual(["unsend"])
  })

  test("is removed later when the channel is away; a refused removal is not tried again", async () => {
    const { run, w } = await withLine()
    await soon(async () => (await s.db.raw("select 1 from kv where namespace = 'progress'")).length).toBe(1)
    await s.db.query(sql`update runs set state = 'done' where id = ${w.runId}`)
    await run.end()
    troubles.set("unsend", new Retry("away"))
    await presences[0]?.tidy()
    expect(await s.db.raw("select 1 from kv where namespace = 'progress'")).toHaveLength(1)
    troubles.set("unsend", new Reject(403, "blocked"))
    await presences[0]?.tidy()
    expect(await s.db.raw("select 1 from kv where namespace = 'progress'")).toHaveLength(0)
  })

  test("that cannot be sent is given up, and the answer comes all the same", async () => {
    const at = process()
    const run = running(at, await onTelegram())
    troubles.set("typing", new Reject(403, "no"))
    troubles.set("send", new Retry("busy"))
    await at.pass(400)
    await at.pass(4000)
    await run.end()
    await at.presence.stop()
    expect(seen).toEqual([])
  })
})

test("the status text says in plain words what the run does", () => {
  expect(statusText([])).toBe("Working on it.")
  expect(statusText(["remember"])).toBe("Working on it: remembering that")
  expect(statusText(["recall", "mcp__files.read-file"])).toBe("Working on it: mcp files read file (step 2)")
})
