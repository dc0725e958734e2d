/** A loopback HTTP server for stand-ins: reads bodies, can be told to fail, and closes without waiting for idle clients. */

import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import { Readable } from "node:stream"

export interface ReceivedRequest {
  method: string
  url: URL
  headers: Record<string, string | string[] | undefined>
  body: string
}

export interface Answer {
  status: number
  /** Bytes and pieces of bytes go out as they are, a text as it is, anything else as JSON. */
  body?: unknown
  headers?: Record<string, string>
}

/**
 * What to do with a coming request instead of answering it properly: an answer of its own; `drop` the connection before
 * anything happens; `lose` the answer after everything happened; `hold` it until the promise settles, then go on.
 */
export type Trouble = Answer | { drop: true } | { lose: true } | { hold: Promise<void> }

export interface StandIn {
  url: string
  /** Every request that came, in order, those in trouble too. */
  asked: ReceivedRequest[]
  /** Applies `trouble` to the next requests that `matches` picks (all when absent), one each, in order. */
  trouble(trouble: Trouble, matches?: (asked: ReceivedRequest) => boolean): void
  stop(): Promise<void>
}

export async function startStandIn(answer: (asked: ReceivedRequest) => Answer | Promise<Answer>): Promise<StandIn> {
  const asked: ReceivedRequest[] = []
  const troubles: { trouble: Trouble; matches: (asked: ReceivedRequest) => boolean }[] = []

  function nextTrouble(now: ReceivedRequest): Trouble {
    const index = troubles.findIndex(({ matches }) => matches(now))
    return (index === -1 ? undefined : troubles.splice(index, 1)[0]?.trouble) ?? { hold: Promise.resolve() }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const now = await read(request)
    asked.push(now)
    const trouble = nextTrouble(now)
    if ("drop" in trouble) {
      request.socket.destroy()
      return
    }
    if ("hold" in trouble) await trouble.hold
    const given = "status" in trouble ? trouble : await answer(now)
    if ("lose" in trouble) request.socket.destroy()
    else write(response, given)
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the stand-in has no port")
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    trouble: (trouble, matches = () => true) => void troubles.push({ trouble, matches }),
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function read(request: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const url = new URL(request.url ?? "/", "http://localhost")
  return { method: request.method ?? "GET", url, headers: request.headers, body: Buffer.concat(chunks).toString() }
}

function write(response: ServerResponse, { status, body, headers }: Answer): void {
  if (body instanceof Uint8Array || body instanceof Readable) {
    response.writeHead(status, { "content-type": "application/octet-stream", ...headers })
    if (body instanceof Uint8Array) response.end(body)
    else response.on("close", () => body.destroy()).on("error", () => {}) && body.pipe(response)
    return
  }
  const isText = typeof body === "string"
  const text = isText || body === undefined ? body : JSON.stringify(body)
  response.writeHead(status, { "content-type": isText ? "text/html" : "application/json", ...headers }).end(text)
}
