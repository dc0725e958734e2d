/** TCP proxy: a TCP connection that is as bad as a seed says: late, cut in the middle of what it carries, reset, or silent. */
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

export interface Trouble {
  /** How likely a piece of what is carried meets each of these, 0 to 1. */
  late: number
  /** Half of it arrives, then the connection ends. */
  cut: number
  reset: number
  /** Nothing comes any more, and nobody hangs up. */
  silent: number
}

export interface TcpProxy {
  port: number
  counts: Record<keyof Trouble | "connections", number>
  /** Troubles from now on; none when left out. */
  trouble(now?: Partial<Trouble>): void
  stop(): Promise<void>
}

const MOST_LATE_MS = 120

export async function openTcpProxy(to: { host: string; port: number }, random: () => number): Promise<TcpProxy> {
  const counts: TcpProxy["counts"] = { connections: 0, late: 0, cut: 0, reset: 0, silent: 0 }
  const open = new Set<Socket>()
  let now: Partial<Trouble> = {}

  function fate(): keyof Trouble | null {
    let dice = random()
    for (const kind of ["late", "cut", "reset", "silent"] as const) {
      dice -= now[kind] ?? 0
      if (dice < 0) return kind
    }
    return null
  }

  function carry(from: Socket, onto: Socket): void {
    let isSilent = false
    let last = Promise.resolve()
    const meet: Record<keyof Trouble, (piece: Buffer) => Promise<void> | void> = {
      async late(piece) {
        await new Promise((resolve) => setTimeout(resolve, random() * MOST_LATE_MS))
        onto.write(piece)
      },
      cut: (piece) => void onto.end(piece.subarray(0, Math.floor(piece.length / 2)), () => from.destroy()),
      reset() {
        from.resetAndDestroy()
        onto.resetAndDestroy()
      },
      silent() {
        isSilent = true
      },
    }
    const deliver = async (piece: Buffer) => {
      if (isSilent || onto.destroyed) return
      const kind = fate()
      if (kind === null) return void onto.write(piece)
      counts[kind]++
      await meet[kind](piece)
    }
    from.on("data", (piece: Buffer) => {
      last = last.then(() => deliver(piece))
    })
    from.on("end", () => void last.then(() => isSilent || onto.end()))
    from.on("close", () => void last.then(() => onto.destroy()))
    // What breaks here is what this is for; both ends notice by themselves.
    from.on("error", () => {})
  }

  const server = createServer((near) => {
    counts.connections++
    const far = connect(to)
    for (const socket of [near, far]) {
      open.add(socket.setNoDelay(true))
      socket.on("close", () => open.delete(socket))
    }
    carry(near, far)
    carry(far, near)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the proxy has no port")
  return {
    port: address.port,
    counts,
    trouble: (next = {}) => {
      now = next
    },
    async stop() {
      server.close()
      for (const socket of open) socket.destroy()
      await once(server, "close")
    },
  }
}
