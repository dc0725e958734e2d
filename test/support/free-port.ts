/**
 * A port of loopback that was free a moment ago, below those that the system gives to outgoing connections: a process that is
 * started again and again on it finds it free each time.
 */
import { once } from "node:events"
import { createServer } from "node:net"

const FIRST = 20_000
const COUNT = 12_000

export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false))
      server.listen(port, "127.0.0.1", () => resolve(true))
    })
    if (!isFree) continue
    server.close()
    await once(server, "close")
    return port
  }
}
