/** Talking to the agent: one message, lines from a pipe, and a conversation in which it may speak first. */

import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { afterEach, expect, test } from "vitest"
import { systemClock } from "../../../src/base/clock.ts"
import { newId } from "../../../src/base/ids.ts"
import { run } from "../../../src/cli/program.ts"
import type { ReceivedRequest, StandIn } from "../../support/stand-in.ts"
import { MESSAGE, THREAD } from "../answers.ts"
import { startServer, TOKEN, vigil } from "../command.ts"
import { startTerminal } from "../terminal.ts"

const ID = MESSAGE.id
/** Id of the n-th run. */
const runId = (n: number) => `0199c1de-0000-7000-8000-00000000001${n}`
const open: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0)) await one.stop()
})

/** Answers each message with `re: <text>`; the first `late` requests are only accepted. */
async function startEcho(late = 0): Promise<StandIn & { env: Record<string, string> }> {
  let count = 0
  const server = await startServer({
    "POST /api/v1/messages": ({ body }) => {
      const answer = { thread: THREAD, id: ID }
      count += 1
      return count <= late
        ? { status: 202, body: answer }
        : { status: 200, body: { ...answer, run: runId(1), reply: `re: ${JSON.parse(body).text}` } }
    },
  })
  open.push(server)
  return server
}

const keyOf = ({ headers }: ReceivedRequest) => headers["idempotency-key"]

test("-m prints the reply and nothing else on stdout", async () => {
  const { code, stdout, stderr } = await vigil(["chat", "-m", "hello"], await startEcho())
  expect([code, stdout, stderr]).toEqual([0, "re: hello\n", ""])
})

test("-m with --json is one document", async () => {
  const { stdout } = await vigil(["chat", "-m", "hello", "--json"], await startEcho())
  expect(JSON.parse(stdout)).toEqual({ thread: THREAD, id: ID, run: runId(1), reply: "re: hello" })
})

test("a reply that takes long is asked for again with the same key, which is no second message", async () => {
  const server = await startEcho(1)
  const { stdout } = await vigil(["chat", "-m", "hello"], server)
  expect(stdout).toBe("re: hello\n")
  expect(server.asked.map(({ headers }) => headers.prefer)).toEqual(["wait=30", "wait=30"])
  expect(new Set(server.asked.map(keyOf)).size).toBe(1)
})

test("a lost answer is asked for again with the same key", async () => {
  const server = await startEcho()
  server.trouble({ lose: true })
  const { code, stdout } = await vigil(["chat", "-m", "hello"], server)
  expect([code, stdout]).toEqual([0, "re: hello\n"])
  expect(new Set(server.asked.map(keyOf)).size).toBe(1)
})

test("no reply in time is a failure that says the message is accepted", async () => {
  const { code, stdout, stderr } = await vigil(["chat", "-m", "hello", "--wait", "1"], await startEcho(99))
  expect([code, stdout]).toEqual([1, ""])
  expect(stderr).toContain("no reply within 1 s; the message is accepted")
})

test("a run that ends without words is a failure that names the run", async () => {
  const server = await startServer({
    "POST /api/v1/messages": () => ({ status: 200, body: { thread: THREAD, id: ID, run: runId(9), reply: null } }),
  })
  open.push(server)
  const { code, stderr } = await vigil(["chat", "-m", "hello"], server)
  expect(code).toBe(1)
  expect(stderr).toContain(`vigil trace ${runId(9)}`)
})

test("an empty message is wrong usage", async () => {
  const { code } = await vigil(["chat", "-m", "  "], await startEcho())
  expect(code).toBe(2)
})

test("from a pipe each line is a message of one conversation", async () => {
  const server = await startEcho()
  const { code, stdout } = await vigil(["chat"], { ...server, input: "one\n\ntwo\n" })
  expect([code, stdout]).toEqual([0, "re: one\nre: two\n"])
  expect(server.asked.map(({ body }) => JSON.parse(body))).toEqual([{ text: "one" }, { text: "two", thread: THREAD }])
  expect(new Set(server.asked.map(keyOf)).size).toBe(2)
})

test("from a pipe with --json all replies are one document", async () => {
  const { stdout } = await vigil(["chat", "--json", "--thread", "new"], { ...(await startEcho()), input: "one\ntwo\n" })
  expect(JSON.parse(stdout).messages).toMatchObject([{ reply: "re: one" }, { reply: "re: two" }])
})

test("a reply cannot move the cursor or colour the terminal", async () => {
  const server = await startServer({
    "POST /api/v1/messages": () => ({
      status: 200,
      body: { thread: THREAD, id: ID, run: runId(1), reply: "a\u001b[2Jb\u001b]0;title\u0007c\rd\u202ee" },
    }),
  })
  open.push(server)
  expect((await vigil(["chat", "-m", "x"], server)).stdout).toBe("abcde\n")
})

test("in a terminal a reply is shown once, though it also comes by the stream, and what comes later is shown too", async () => {
  const streams: ServerResponse[] = []
  const say = (id: number, run: string, text: string) => {
    const letter = { ...MESSAGE, text, runId: run }
    for (const stream of streams) stream.write(`id: ${id}\nevent: reply\ndata: ${JSON.stringify(letter)}\n\n`)
  }
  let messages = 0
  const server = await startTalking({
    "POST /api/v1/messages": (response) => {
      messages += 1
      say(messages, runId(messages), `reply ${messages}`)
      response.end(JSON.stringify({ thread: THREAD, id: ID, run: runId(messages), reply: `reply ${messages}` }))
    },
    [`GET /api/v1/threads/${THREAD}/messages`]: (response) => response.end(JSON.stringify({ messages: [], cursor: 7 })),
    [`GET /api/v1/threads/${THREAD}/events`]: (response, request) => {
      expect(request.headers["last-event-id"]).toBe("7")
      streams.push(response)
      response.writeHead(200, { "content-type": "text/event-stream" }).write("retry: 2000\n\n")
      say(8, runId(8), "it is nine o'clock")
    },
  })
  const person = startTerminal()
  const env = { VIGIL_URL: server, VIGIL_TOKEN: TOKEN }
  const done = run(["chat"], { ...person.streams, env, clock: systemClock, newId })
  await person.shows("you    ")
  person.type("first\n")
  await person.shows("it is nine o'clock")
  person.type("second\n")
  await person.shows("reply 2")
  say(9, runId(1), "and one more thing")
  await person.shows("and one more thing")
  person.leave()
  expect(await done).toBe(0)
  expect(person.shown().match(/vigil {2}.*/g)).toEqual([
    "vigil  reply 1",
    "vigil  it is nine o'clock",
    "vigil  reply 2",
    "vigil  and one more thing",
  ])
})

test("in a terminal a message that fails does not end the conversation", async () => {
  const server = await startEcho()
  server.trouble({ status: 429, body: { error: { code: "limit_day", message: "the day's budget is used up" } } })
  const person = startTerminal()
  const done = run(["chat"], { ...person.streams, env: server.env, clock: systemClock, newId })
  person.type("first\n")
  await person.shows("the day's budget is used up")
  person.type("second\n")
  await person.shows("re: second")
  person.leave()
  expect(await done).toBe(0)
})

type Talking = Record<string, (response: ServerResponse, request: IncomingMessage) => void>

/** A server whose answers may be streams. */
async function startTalking(routes: Talking): Promise<string> {
  const server: Server = createServer((request, response) => {
    request.resume()
    const route = routes[`${request.method} ${request.url?.split("?")[0]}`]
    if (route) route(response, request)
    else response.writeHead(404).end()
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  open.push({
    stop: async () => {
      server.close()
      server.closeAllConnections()
    },
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
}
