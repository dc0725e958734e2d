/** Workload process: starts the workload in a process of its own and tells it what to do. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { z } from "zod"
import type { WorkloadOptions } from "./workload.ts"

const status = z.object({ written: z.number(), waiting: z.number(), unanswered: z.number(), threads: z.number() })
export type WorkloadStatus = z.infer<typeof status>
const hello = z.object({ env: z.record(z.string(), z.string()) })
const answer = z.object({ id: z.number(), status: status.optional(), error: z.string().optional() })

export interface WorkloadProcess {
  env: Record<string, string>
  /** Addresses of the processes that take webhooks now. */
  setTargets(targets: string[]): Promise<void>
  write(count: number): Promise<WorkloadStatus>
  status(): Promise<WorkloadStatus>
  /** Nothing goes wrong any more. */
  calm(): Promise<void>
  /** Nothing is delivered any more, and the ledger is whole. */
  stop(): Promise<void>
}

const MAIN = new URL("./main.ts", import.meta.url)

export async function launchWorkload(options: WorkloadOptions): Promise<WorkloadProcess> {
  const child = fork(MAIN, [JSON.stringify(options)], { stdio: ["ignore", "inherit", "inherit", "ipc"], execArgv: [] })
  const open = new Map<number, PromiseWithResolvers<WorkloadStatus>>()
  let last = 0
  const gone = () => new Error("the process of the workload is gone")
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
    else asked?.reject(new Error(`the workload: ${said.error}`))
  })

  function tell(order: object): Promise<WorkloadStatus> {
    if (!child.connected) return Promise.reject(gone())
    const asked = Promise.withResolvers<WorkloadStatus>()
    open.set(++last, asked)
    child.send({ id: last, ...order })
    return asked.promise
  }

  return {
    env,
    setTargets: async (targets) => void (await tell({ do: "targets", targets })),
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
