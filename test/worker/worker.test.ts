import { sql } from "drizzle-orm"
import { afterEach, describe, expect, test, vi } from "vitest"
import type { Handler, RunContext } from "../../src/agent/durable/run-context.ts"
import { newId } from "../../src/base/ids.ts"
import { type Fields, type Log, silentLog } from "../../src/base/log.ts"
import { startWorker, type Worker } from "../../src/worker/worker.ts"
import { ownSpine } from "../support/own.ts"
import { echo, leasesOf, text } from "../support/spine.ts"
import { abandon } from "../support/work.ts"

/** The handler of messages; `echo` unless a test sets another. */
let handle: (context: RunContext) => ReturnType<Handler["run"]> = echo.run
let workers: Worker[] = []
const s = await ownSpine({ handlers: { message: { takesMore: true, run: (context) => handle(context) } } })
afterEach(async () => {
  handle = echo.run
  await Promise.all(workers.map((worker) => worker.stop(0)))
  workers = []
})

function worker(over: Partial<Parameters<typeof startWorker>[0]> = {}): Worker {
  const { execute, notifier } = s
  const started = startWorker({
    leases: leasesOf(s.db),
    execute,
    notifier,
    log: silentLog,
    concurrency: 4,
    chores: {},
    ...over,
  })
  workers.push(started)
  return started
}
const say = (words: string, threadKey = `web:${newId()}`) => s.inbox.accept(text(words, { threadKey }))
const replies = async (threadId: string) =>
  (
    await s.db.query<{ text: string }>(
      sql`select body ->> 'text' as text from outbox where thread_id = ${threadId} order by seq`,
    )
  ).map((row) => row.text)
const answered = (threadId: string, ...texts: string[]) =>
  vi.waitFor(async () => expect(await replies(threadId)).toEqual(texts), { timeout: 60_000 })
/** Makes runs stop at a gate, counts those that reached it, and lets them through. */
function gate() {
  const open = Promise.withResolvers<void>()
  let reached = 0
  handle = async (context) => {
    reached++
    await Promise.race([open.promise, aborted(context.steps.signal)])
    return echo.run(context)
  }
  const until = (n: number) => vi.waitFor(() => expect(reached).toBe(n), { timeout: 60_000 })
  return { reached: () => reached, until, open: () => open.resolve() }
}
const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))

describe("a worker takes up", () => {
  test("what this process just committed, by the notifier", async () => {
    worker()
    const { threadId } = await say("hi")
    await answered(threadId, "echo: hi")
  })

  test("what another process says, by a nudge", async () => {
    const { threadId } = await say("hi")
    worker().nudge(threadId)
    await answered(threadId, "echo: hi")
  })

  test("what neither told it, by the sweep", async () => {
    const { threadId } = await say("hi")
    worker()
    await answered(threadId, "echo: hi")
  })

  test("the run of a worker that died, once its lease is over", async () => {
    const { threadId, id } = await say("hi")
    await leasesOf(s.db).claim(threadId)
    await abandon(s, threadId)
    worker()
    await answered(threadId, "echo: hi")
    expect(await s.db.query(sql`select attempts, state from runs where trigger_id = ${id}`)).toEqual([
      { attempts: 1, state: "done" },
    ])
  })

  test("nothing for a thread that has nothing to do", async () => {
    const { threadId } = await say("hi")
    await s.settle(threadId)
    const idle = worker()
    for (let n = 0; n < 10; n++) idle.nudge(threadId)
    const other = await say("there")
    await answered(other.threadId, "echo: there")
    expect(await replies(threadId)).toEqual(["echo: hi"])
  })

  test("the next message when the run before it ends", async () => {
    const at = gate()
    worker()
    const threadKey = `web:${newId()}`
    const { threadId } = await say("one", threadKey)
    await at.until(1)
    await s.inbox.accept(text("/help", { threadKey, kind: "command" }))
    at.open()
    await answered(threadId, "echo: one", "echo: /help")
  })
})

describe("a worker's slots", () => {
  test("take up the runs of a dead worker although other threads are named without end", async () => {
    const left = await say("left by the dead")
    await leasesOf(s.db).claim(left.threadId)
    worker({ concurrency: 1 })
    const MOST = 2000
    let said = 0
    let isOver = false
    handle = async (context) => {
      // Each served thread is followed by another one, so there is always a named thread.
      if (!isOver && said < MOST) await say(`words ${++said}`)
      // A run that waits for anything outside the process does the same.
      await new Promise(setImmediate)
      return echo.run(context)
    }
    await Promise.all(["begin", "with", "a few"].map((words) => say(words)))
    await abandon(s, left.threadId)
    await answered(left.threadId, "echo: left by the dead")
    const saidBefore = said
    isOver = true
    await vi.waitFor(
      async () =>
        expect(await s.db.query(sql`select 1 from inbox where state in ('new', 'claimed') limit 1`)).toEqual([]),
      { timeout: 60_000 },
    )
    expect(saidBefore).toBeLessThan(MOST)
  })

  test("are as many as `concurrency`, and the other threads wait", async () => {
    const at = gate()
    const two = worker({ concurrency: 2 })
    const threads = await Promise.all(["a", "b", "c", "d"].map((words) => say(words)))
    await at.until(2)
    for (const { threadId } of threads) two.nudge(threadId)
    expect([two.busy(), at.reached()]).toEqual([2, 2])
    at.open()
    for (const [i, { threadId }] of threads.entries()) await answered(threadId, `echo: ${"abcd"[i]}`)
    expect(at.reached()).toBe(4)
  })

  test("hold a thread one at a time: two workers run its message once", async () => {
    const at = gate()
    worker()
    worker()
    const { threadId } = await say("hi")
    await at.until(1)
    at.open()
    await answered(threadId, "echo: hi")
    expect(at.reached()).toBe(1)
  })

  test("are free again after a run that failed, and after one that could not even be begun", async () => {
    const lines: string[] = []
    const log: Log = { ...silentLog, error: (event: string, _fields?: Fields) => void lines.push(event) }
    let fails = 2
    const execute: typeof s.execute = async (claim, signal) => {
      if (fails-- > 0) throw new Error("the executor broke")
      return s.execute(claim, signal)
    }
    const one = worker({ concurrency: 1, execute, log })
    const broken = [await say("a"), await say("b")]
    await vi.waitFor(() => expect(lines).toEqual(["serve_failed", "serve_failed"]), { timeout: 60_000 })
    const { threadId } = await say("c")
    await answered(threadId, "echo: c")
    expect(one.busy()).toBe(0)
    for (const left of broken) await abandon(s, left.threadId)
    for (const left of broken) await answered(left.threadId, expect.stringMatching(/^echo: [ab]$/))
  })
})

describe("a worker that stops", () => {
  test("takes nothing new", async () => {
    const one = worker()
    await one.stop(0)
    const { threadId } = await say("hi")
    one.nudge(threadId)
    worker()
    await answered(threadId, "echo: hi")
    expect(one.busy()).toBe(0)
  })

  test("lets its runs end in the time it is given", async () => {
    const at = gate()
    const one = worker()
    const { threadId } = await say("hi")
    await at.until(1)
    const stopped = one.stop(60_000)
    at.open()
    await stopped
    expect(await replies(threadId)).toEqual(["echo: hi"])
  })

  test("interrupts what does not end, and another worker finishes it, without counting a failed try", async () => {
    const at = gate()
    const first = worker()
    const { threadId, id } = await say("hi")
    await at.until(1)
    await first.stop(0)
    expect(await replies(threadId)).toEqual([])
    handle = echo.run
    worker()
    await answered(threadId, "echo: hi")
    expect(await s.db.query(sql`select attempts, state from runs where trigger_id = ${id}`)).toEqual([
      { attempts: 0, state: "done" },
    ])
  })

  test("waits for a run that it claimed just then", async () => {
    const leases = leasesOf(s.db)
    const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow: typeof leases = {
      ...leases,
      async claim(threadId) {
        const claim = await leases.claim(threadId)
        if (claim) asked.resolve()
        await answer.promise
        return claim
      },
    }
    const { threadId } = await say("hi")
    const one = worker({ leases: slow })
    one.nudge(threadId)
    await asked.promise
    const stopped = one.stop(60_000)
    answer.resolve()
    await stopped
    expect([one.busy(), await replies(threadId)]).toEqual([0, ["echo: hi"]])
  })
})

test("a person's stop reaches the run while it works", async () => {
  const at = gate()
  worker()
  const threadKey = `web:${newId()}`
  const { id } = await say("hi", threadKey)
  await at.until(1)
  await s.inbox.accept(text("/stop", { threadKey, kind: "command" }))
  await vi.waitFor(
    async () =>
      expect(await s.db.query(sql`select state from runs where trigger_id = ${id}`)).toEqual([{ state: "cancelled" }]),
    { timeout: 60_000 },
  )
})

test("a chore that fails is logged and tried again, and the others go on", async () => {
  const lines: unknown[] = []
  const log: Log = { ...silentLog, error: (event, fields) => void lines.push([event, fields]) }
  let done = 0
  worker({
    log,
    chores: { broken: () => Promise.reject(new Error("no")), whole: async () => void done++ },
  })
  await vi.waitFor(() => expect(lines.length).toBeGreaterThanOrEqual(2), { timeout: 60_000 })
  expect(lines[0]).toEqual(["chore_failed", expect.objectContaining({ chore: "broken" })])
  expect(done).toBeGreaterThanOrEqual(2)
})

test("a listener on a thread is notified of its answer", async () => {
  const heard = Promise.withResolvers<string>()
  worker()
  const { threadId } = await say("hi")
  const unsubscribe = s.notifier.listen("thread", (id) => id === threadId && heard.resolve(id))
  expect(await heard.promise).toBe(threadId)
  unsubscribe()
  expect(await replies(threadId)).toEqual(["echo: hi"])
})
