/**
 * Main: one process, started as `node src/main.ts all|web|worker|migrate`. It reads the settings, opens the database while
 * the other code still loads, starts the app, and lets runs end when a signal stops it. Exit codes: 0 stopped, 1 failed,
 * 2 wrong settings or usage.
 */
import { enableCompileCache } from "node:module"

enableCompileCache()

const { Misconfigured, messageOf } = await import("./base/errors.ts")
const { readConfig } = await import("./config/config.ts")

const DRAIN_MS = 50_000
const started = performance.now()

async function run(role: string): Promise<void> {
  if (role !== "all" && role !== "web" && role !== "worker" && role !== "migrate") {
    throw new Misconfigured(`there is no role ${role}`, { fix: "use: vigil start [all|web|worker], or vigil migrate" })
  }
  const config = readConfig(process.env, { vault: "unread" })
  const { openDb } = await import("./db/open.ts")
  const opening = openDb({
    ...(config.DATABASE_URL ? { url: config.DATABASE_URL } : {}),
    dataDir: config.DATA_DIR,
    now: new Date(),
    waiting: { onWait: tellWaiting },
  })
  // The promise is awaited below. Until then a failure (a locked directory) must not count as an unhandled rejection.
  opening.catch(() => {})
  if (role === "migrate") {
    const { migrateAll } = await import("./app/migrate-all.ts")
    await migrateAll(await opening, config)
    process.stdout.write("the database is up to date\n")
    return
  }
  const { startApp } = await import("./app/app.ts")
  const db = await opening
  const leaving = onSignals()
  const app = await startApp({ env: process.env, role, db })
  leaving.by(app.stop)
  const { firstScreen } = await import("./app/first-screen.ts")
  process.stdout.write(await firstScreen(app, performance.now() - started))
}

/**
 * The first signal lets runs end and exits with 0; a second one exits at once with 1. A signal during the start waits until
 * the app can be stopped, because the app may have claimed work already.
 */
function onSignals(): { by(stop: (graceMs: number) => Promise<void>): void } {
  const known = Promise.withResolvers<(graceMs: number) => Promise<void>>()
  let stopping = false
  const leave = () => {
    if (stopping) process.exit(1)
    stopping = true
    known.promise
      .then((stop) => stop(DRAIN_MS))
      .then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      )
  }
  process.on("SIGTERM", leave)
  process.on("SIGINT", leave)
  return { by: known.resolve }
}

function tellWaiting(error: unknown, patienceMs: number): void {
  process.stderr.write(
    `vigil: the database does not answer (${messageOf(error)}); waiting up to ${patienceMs / 1000} s\n`,
  )
}

function fail(error: unknown): never {
  const fix = error instanceof Misconfigured && error.code !== "invalid_config" ? `\n  fix: ${error.fix}` : ""
  process.stderr.write(`vigil: ${messageOf(error)}${fix}\n`)
  process.exit(error instanceof Misconfigured ? 2 : 1)
}

await run(process.argv[2] ?? "all").catch(fail)
