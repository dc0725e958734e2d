/**
 * Own Postgres: a server of this proof's own on loopback, with its durability as it comes (fsync on), that is killed and
 * started again while others use theirs in peace. Its programs are those of the server that tests use.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import postgres from "postgres"
import { freePort } from "../../support/free-port.ts"
import { NoPostgres, postgresUrl } from "../../support/postgres.ts"

export interface OwnPostgres {
  url: string
  /** SIGKILL to the server and all its processes. */
  kill(): void
  /** `immediate`: without a checkpoint, as after a crash. */
  stop(): void
  start(): Promise<void>
  remove(): void
}

/** @param place where its data goes, instead of a directory of its own. */
export async function openOwnPostgres(place?: string): Promise<OwnPostgres> {
  const bin = await programs()
  const dir = place ?? mkdtempSync(join(tmpdir(), "vigil-own-postgres-"))
  const data = join(dir, "pg")
  const port = await freePort()
  if (isRoot()) execFileSync("chown", ["nobody", dir])
  const log = join(dir, "log")
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_wal_size=64MB -c min_wal_size=32MB`
  const run = (program: string, ...args: string[]) =>
    execFileSync(...unprivileged(join(bin, program), args), { stdio: "ignore" })
  run("initdb", "-D", data, "-U", "vigil", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

  const start = () => void run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", log, "-o", options, "start")
  const pid = () => Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0])
  const kill = () => {
    const parent = pid()
    const all = [parent, ...childrenOf(parent)]
    for (const one of all) {
      try {
        process.kill(one, "SIGKILL")
      } catch {
        // It went before its turn came.
      }
    }
  }
  start()
  return {
    url: `postgres://vigil@127.0.0.1:${port}/postgres`,
    kill,
    stop: () => void run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"),
    async start() {
      // The kernel may take a moment to free the shared memory of the dead.
      for (let tries = 1; ; tries++) {
        try {
          rmSync(join(data, "postmaster.pid"), { force: true })
          return start()
        } catch (error) {
          if (tries === 5) throw error
          await sleep(200)
        }
      }
    },
    remove() {
      if (existsSync(join(data, "postmaster.pid"))) kill()
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

async function programs(): Promise<string> {
  const client = postgres(await postgresUrl(), { max: 1, onnotice: () => {} })
  const [row] = await client`select setting from pg_config() where name = 'BINDIR'`
  await client.end()
  const bin = String(row?.setting)
  if (!existsSync(join(bin, "initdb")))
    throw new NoPostgres("the Postgres of the tests is on another machine, so none can be killed here")
  return bin
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number)
}

const isRoot = () => process.getuid?.() === 0

/** Postgres refuses to run as root. */
function unprivileged(program: string, args: string[]): [string, string[]] {
  return isRoot() ? ["runuser", ["-u", "nobody", "--", program, ...args]] : [program, args]
}
