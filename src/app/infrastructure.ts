/** Infrastructure: what every other part stands on: settings, secrets, queue, people and their messages. */
import { randomBytes } from "node:crypto"
import { type Clock, systemClock } from "../base/clock.ts"
import { newId } from "../base/ids.ts"
import { createLog, type Log } from "../base/log.ts"
import { type Config, type Environment, readConfig, SECRET_NAMES, VAULT_NAMES } from "../config/config.ts"
import { createKv } from "../db/kv.ts"
import type { Opened } from "../db/migrate.ts"
import type { Limits } from "../http/server.ts"
import type { Model } from "../model/model.ts"
import { openBoss } from "../queue/boss.ts"
import { createNotifier } from "../queue/notifier.ts"
import { createQueue } from "../queue/queue.ts"
import { createHooks } from "../thread/hooks/hooks.ts"
import { createInbox } from "../thread/inbox/inbox.ts"
import { createIntake } from "../thread/inbox/intake.ts"
import { createMediaStore } from "../thread/inbox/media.ts"
import { createPairings } from "../thread/inbox/pairing.ts"
import { createOutbox } from "../thread/outbox/outbox.ts"
import { createPeople, type OwnerSettings } from "../thread/people/people.ts"
import { createSessions } from "../thread/people/sessions.ts"
import { readMasterKey } from "../vault/key.ts"
import { createScrubber, type Scrubber } from "../vault/scrubber.ts"
import { createVault, SETTINGS_TOOL } from "../vault/vault.ts"
import { createChannelBreaker } from "../worker/sending/channel-breaker.ts"

export type Role = "all" | "web" | "worker"

export interface AppOptions {
  env: Environment
  role: Role
  db: Opened
  /** The following replace the real parts in a test or a benchmark. */
  clock?: Clock
  model?: Model
  log?: Log
  limits?: Partial<Limits>
}

/** Opens everything that the other parts stand on. Throws `InvalidConfig`. */
export async function openInfrastructure({ env, role, db, clock = systemClock, log: given }: AppOptions) {
  const early = readConfig(env, { vault: "unread" })
  const scrubber = createScrubber()
  const log =
    given ??
    createLog({
      level: early.LOG_LEVEL ?? (process.stderr.isTTY ? "warn" : "info"),
      scrub: (line) => scrubber.scrub(line),
    })
  const boss = openBoss(db, { backend: early.QUEUE_BACKEND, worker: role !== "web" })
  const masterKey = readMasterKey({
    dataDir: early.DATA_DIR,
    ...(early.MASTER_KEY ? { masterKey: early.MASTER_KEY } : {}),
  })
  const vault = createVault({ db, masterKey, clock, scrubber })
  const shared = role === "worker" && db.kind === "postgres"
  const [queue, config] = await Promise.all([createQueue({ boss, log, shared }), settings(env, vault)])
  hideSecrets(config, scrubber)
  const notifier = await createNotifier(db.kind === "postgres" ? db : undefined)
  const people = createPeople({ db, clock, newId })
  const owner = await people.ensureOwner(ownerIn(config))
  const inbox = createInbox({ db, queue, notifier, clock, newId, scrub: (text) => scrubber.scrub(text) })
  const outbox = createOutbox(db)
  const random = (bytes: number) => randomBytes(bytes)
  const sessions = createSessions({ db, clock, random })
  const pairings = createPairings({ db, clock, newId, random })
  const media = createMediaStore({ db, clock })
  const intake = createIntake({ db, people, inbox, log, pairings, notifier, media })
  const kv = createKv({ db, clock })
  const hooks = createHooks({ db, kv, vault, inbox, notifier, clock, newId, random })
  const breaker = createChannelBreaker({ clock, log })
  const hostZone = Intl.DateTimeFormat().resolvedOptions().timeZone
  return {
    db,
    clock,
    config,
    log,
    scrubber,
    queue,
    vault,
    notifier,
    people,
    owner,
    inbox,
    outbox,
    sessions,
    pairings,
    breaker,
    intake,
    media,
    kv,
    hooks,
    hostZone,
  }
}

function hideSecrets(config: Config, scrubber: Scrubber): void {
  for (const name of SECRET_NAMES) if (config[name]) scrubber.add(name, config[name])
  // The password stands inside the address, of which an error text of the mail server may quote a part.
  if (config.SMTP_URL) scrubber.add("SMTP_URL", decodeURIComponent(new URL(config.SMTP_URL).password))
}

function ownerIn(config: Config): OwnerSettings {
  return {
    ...(config.OWNER_PHONE ? { phone: config.OWNER_PHONE } : {}),
    ...(config.OWNER_TELEGRAM_ID ? { telegramId: config.OWNER_TELEGRAM_ID } : {}),
    ...(config.OWNER_EMAIL ? { email: config.OWNER_EMAIL } : {}),
    ...(config.OWNER_TIMEZONE ? { timezone: config.OWNER_TIMEZONE } : {}),
  }
}

export type Infrastructure = Awaited<ReturnType<typeof openInfrastructure>>

/** The settings of the environment and of the vault; a value in the vault wins. */
async function settings(env: Environment, vault: ReturnType<typeof createVault>): Promise<Config> {
  const overlaid = { ...env }
  for (const { name } of await vault.list()) {
    if (VAULT_NAMES.some((known) => known === name)) overlaid[name] = await vault.get(name, { tool: SETTINGS_TOOL })
  }
  return readConfig(overlaid)
}
