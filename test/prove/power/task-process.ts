/** Task process: a process that is given one task at a time. One that hangs is killed, one that ends is told of. */
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import { nodeArguments } from "../../support/process.ts"
import type { Reply, Task } from "./task-main.ts"

/** For one task; beyond it what it looks at is stuck. */
const PATIENCE_MS = 180_000

export interface TaskProcess {
  /** What came of it; `failed` also when the process ended or hung, and then another is started for the next task. */
  do(task: Task): Promise<Reply>
  stop(): void
}

/** @param first what each new process is told before anything else. */
export function createTaskProcess(first?: () => Task): TaskProcess {
  let child: ChildProcess | undefined

  async function start(): Promise<ChildProcess> {
    const made = fork(join(import.meta.dirname, "task-main.ts"), {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      execArgv: [...nodeArguments],
    })
    child = made
    if (first) {
      const reply = await told(made, first())
      if ("failed" in reply) throw new Error(`a process could not be prepared: ${reply.failed}`)
    }
    return made
  }

  return {
    async do(task) {
      const reply = await told(child ?? (await start()), task)
      if ("failed" in reply) {
        child?.kill("SIGKILL")
        child = undefined
      }
      return reply
    },
    stop: () => void child?.kill("SIGKILL"),
  }
}

function told(child: ChildProcess, task: Task): Promise<Reply> {
  return new Promise((resolve) => {
    const settle = (reply: Reply) => {
      clearTimeout(timer)
      child.off("message", hear)
      child.off("exit", ended)
      resolve(reply)
    }
    const hear = (reply: unknown) => settle(reply as Reply)
    const ended = (code: number | null, signal: string | null) => settle({ failed: `it ended with ${code ?? signal}` })
    const timer = setTimeout(() => settle({ failed: `it hung for ${PATIENCE_MS / 1000} s` }), PATIENCE_MS)
    child.on("message", hear)
    child.on("exit", ended)
    child.send(task)
  })
}
