/** Machine checks: what `doctor` looks at on this machine: Node, the settings, the data directory, the database. */
import { type Stats, statSync } from "node:fs"
import { join } from "node:path"
import { sql } from "drizzle-orm"
import { codeOf, Misconfigured, messageOf } from "../../base/errors.ts"
import { type Environment, InvalidConfig, readConfig, VAULT_NAMES } from "../../config/config.ts"
import type { Db } from "../../db/db.ts"
import { lockDataDir } from "../../db/lock.ts"
import { codeSchema, databaseSchema } from "../../db/migrate.ts"
import { type Check, check, doubtful, type Fault, wrong } from "./finding.ts"

const NEEDED_NODE = 26
/** Files that hold a key or a token. */
const KEY_FILES = ["token", "master.key"]

export function checkNode(version: string): Check {
  const isNew = Number.parseInt(version, 10) >= NEEDED_NODE
  const fault = wrong(
    `Vigil needs Node ${NEEDED_NODE}, this is ${version}`,
    "start it with npm start, which brings its own",
  )
  return check("node", `Node ${version}`, isNew ? [] : [fault])
}

/**
 * Every problem of the environment at once.
 * @param inVault names that the server has in its vault; null when no server could be asked
 */
export function checkConfig(env: Environment, inVault: ReadonlySet<string> | null): Check {
  try {
    readConfig(env)
    return check("config", "every variable can be read")
  } catch (error) {
    if (!(error instanceof InvalidConfig)) throw error
    const isSecret = (name: string) => VAULT_NAMES.some((secret) => secret === name)
    const faults = error.problems
      .filter(({ variable }) => !inVault?.has(variable))
      .map(({ variable, message, fix }): Fault => {
        const mayBeInVault = inVault === null && isSecret(variable) && !env[variable]
        const said = `${variable} ${message}`
        return mayBeInVault
          ? doubtful(`${said} (unless it is in the vault, which only the server opens)`, fix)
          : wrong(said, fix)
      })
    const detail = faults.length === 0 ? "what the environment lacks is in the vault" : "not every variable can be used"
    return check("config", detail, faults)
  }
}

/** Who can read the data directory and the keys in it. */
export function checkDataDir(dir: string): Check {
  const found = statOf(dir)
  if (!found) return check("data-dir", `${dir} is not there yet; the first start makes it`)
  if (!found.isDirectory()) {
    return check("data-dir", dir, [wrong(`DATA_DIR is ${dir}, which is no directory`, "set DATA_DIR to a directory")])
  }
  const faults: Fault[] = []
  if (isOpen(found)) faults.push(doubtful(`${dir} can be read by others on this machine`, `run: chmod 700 ${dir}`))
  for (const path of KEY_FILES.map((name) => join(dir, name))) {
    const file = statOf(path)
    if (file && isOpen(file))
      faults.push(wrong(`${path} can be read by others on this machine`, `run: chmod 600 ${path}`))
  }
  return check("data-dir", dir, faults)
}

function isOpen({ mode }: Stats): boolean {
  return (mode & 0o077) !== 0
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path)
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(codeOf(error))) return null
    throw error
  }
}

export interface DatabaseProbe {
  url: string | undefined
  dataDir: string
  now: Date
  /** Where the server should answer; it did not. */
  serverUrl: string
}

/** Opens the database as it is, and changes nothing in it. The embedded one only when no process holds it. */
export async function checkDatabase({ url, dataDir, now, serverUrl }: DatabaseProbe): Promise<Check> {
  if (url !== undefined) {
    const { openPostgres } = await import("../../db/postgres.ts")
    return await look(openPostgres({ url, max: 1 }))
  }
  if (!statOf(join(dataDir, "db"))) return check("database", "embedded, not there yet; the first start makes it")
  try {
    const release = lockDataDir(dataDir, now)
    try {
      const { openPglite } = await import("../../db/embedded/pglite.ts")
      return await look(await openPglite({ dir: join(dataDir, "db") }))
    } finally {
      release()
    }
  } catch (error) {
    if (error instanceof Misconfigured && error.code === "data_dir_locked") {
      const fix = `if that is the server, set PORT or VIGIL_URL to where it listens (${serverUrl} was asked); else stop it`
      return check("database", "embedded, in use", [wrong(error.message, fix)])
    }
    const fix = `let this user read and write ${dataDir}, or restore it from a backup`
    return check("database", "embedded", [wrong(`the database in ${dataDir} does not open: ${messageOf(error)}`, fix)])
  }
}

async function look(db: Db): Promise<Check> {
  const kind = db.kind === "pglite" ? "embedded" : "Postgres"
  try {
    const [vector] = await db.query<{ version: string }>(
      sql`select default_version as version from pg_available_extensions where name = 'vector'`,
    )
    const found = await databaseSchema(db)
    const faults: Fault[] = []
    if (!vector)
      faults.push(wrong("the database has no pgvector", "install pgvector there, or use the image pgvector/pgvector"))
    const wanted = codeSchema()
    if (found !== null && found > wanted) {
      const message = `the database has schema ${found}, newer than this code's ${wanted}`
      faults.push(wrong(message, "start the newer version of Vigil, or restore a backup made by this one"))
    }
    const schema = found === wanted ? found : `${found ?? "none"}, brought to ${wanted} by the next start`
    return check("database", `${kind}, pgvector ${vector?.version ?? "missing"}, schema ${schema}`, faults)
  } catch (error) {
    const fault = wrong(
      `the database does not answer: ${messageOf(error) || codeOf(error)}`,
      "check DATABASE_URL, and that it is up",
    )
    return check("database", kind, [fault])
  } finally {
    await db.close().catch(() => undefined)
  }
}
