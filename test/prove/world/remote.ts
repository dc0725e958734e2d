/** Remote: starts the world in a process of its own and tells it what to do. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { z } from "zod"
import type { WorldOptions } from "./world.ts"

const status = z.object({ written: z.number(), waiting: z.number(), unanswered: z.number(), threads: z.number() })
export type WorldStatus = z.infer<typeof status>
const hello = z.object({ env: z.record(z.string(), z.string()) })
const answer = z.object({ id: z.number(), status: status.optional(), error: z.string().optional() })

export interface RemoteWorld {
  env: Record<string, string>
  doors(doors: string[]): Promise<void>
  write(count: number): Promise<WorldStatus>
  status(): Promise<WorldStatus>
  calm(): Promise<void>
  /** Nothing is delivered any more, and the ledger is whole. */
  stop(): Promise<void>
}

const MAIN = new URL("./main.ts", import.meta.url)

export async function launchWorld(options: WorldOptions): Promise<RemoteWorld> {
  const child = fork(MAIN, [JSON.stringify(options)], { stdio: ["ignore", "inherit", "inherit", "ipc"], execArgv: [] })
  const open = new Map<number, PromiseWithResolvers<WorldStatus>>()
  let last = 0
  const gone = () => new Error("the world's process is gone")
  child.on("exit", () => {
    for (const one of open.values()) one.reject(gone())
  })
  const [first] = await once(child, "message")
  const { env } = hello.parse(first)
  child.on("message", (message) => {
    const said = answer.parse(message)
    const asked = open.get(said.id)
    open.delete(said.id)
    if (said.status) asked?.resolve(said.status)
    else asked?.reject(new Error(`the world: ${said.error}`))
  })

  function tell(order: object): Promise<WorldStatus> {
    if (!child.connected) return Promise.reject(gone())
    const asked = Promise.withResolvers<WorldStatus>()
    open.set(++last, asked)
    child.send({ id: last, ...order })
    return asked.promise
  }

  return {
    env,
    doors: async (doors) => void (await tell({ do: "doors", doors })),
    write: (count) => tell({ do: "write", count }),
    status: () => tell({ do: "status" }),
    calm: async () => void (await tell({ do: "calm" })),
    async stop() {
      if (!child.connected) return
      await tell({ do: "stop" })
      child.disconnect()
      await once(child, "exit")
    },
  }
}
