/**
 * Vault: secrets, encrypted, each bound to the tools and hosts that may have it. A value leaves only through `get`, which
 * checks the binding and records the use, granted or not, before it answers.
 */
import type { KeyObject } from "node:crypto"
import { sql } from "drizzle-orm"
import type { Clock } from "../base/clock.ts"
import { Deny, Misconfigured, Reject, Retry } from "../base/errors.ts"
import { SECRET_MAX, secretName } from "../contract/installation/secrets.ts"
import type { Db } from "../db/db.ts"
import { json } from "../db/sql.ts"
import { type Binding, open, type Sealed, seal } from "./envelope.ts"
import { keyEncryptionKey } from "./key.ts"
import type { Scrubber } from "./scrubber.ts"

/** The tool name under which the installation reads its own settings; a secret without bindings is for it alone. */
export const SETTINGS_TOOL = "settings"
const ANY = "*"
const KEY_VERSION = 1
const HOST = /^(?:\*|[a-z0-9.-]+|\[[0-9a-f:]+\])$/
const TOOL = /^(?:\*|[a-z0-9_.-]{1,64})$/

export interface Bindings {
  /** Host names the value may be sent to, `*` for any; none when not given: then it is never given for a host. */
  hosts?: string[]
  /** Tool names that may have it, `*` for any; `SETTINGS_TOOL` alone when not given. */
  tools?: string[]
}

export interface Use {
  tool: string
  /** Where it is going. May be left out only for a secret that is bound to no host, or to any. */
  host?: string
  runId?: string
}

export interface SecretInfo {
  name: string
  version: number
  hosts: string[]
  tools: string[]
  createdAt: Date
  /** When this value was set. */
  updatedAt: Date
  /** The last granted use; null when there was none. */
  lastUse: { at: Date; tool: string; host: string | null } | null
  /** Uses that were refused, of all time. */
  refused: number
}

export interface Vault {
  /** Sets or replaces a value with its bindings. Throws `Reject` for a malformed name, binding or value. */
  set(name: string, value: string, bindings?: Bindings): Promise<void>
  /** Throws `Reject` (404) when there is none, `Deny` when the use is not bound, `Misconfigured` when it does not open. */
  get(name: string, use: Use): Promise<string>
  /** Everything but the values, by name. */
  list(): Promise<SecretInfo[]>
  /** Whether it was there. The record of its uses stays. */
  remove(name: string): Promise<boolean>
}

export interface VaultDeps {
  db: Db
  masterKey: KeyObject
  clock: Clock
  /** Told every value that is set or given out, so that it is never shown. */
  scrubber?: Pick<Scrubber, "add">
}

type Listed = Omit<SecretInfo, "lastUse"> & { at: Date | null; tool: string | null; host: string | null }
type Row = Binding & Sealed & { keyVersion: number }

export function createVault({ db, masterKey, clock, scrubber }: VaultDeps): Vault {
  const kek = keyEncryptionKey(masterKey, KEY_VERSION)

  async function record(name: string, use: Use, ok: boolean): Promise<void> {
    await db.query(sql`
      insert into secret_access (name, tool, host, run_id, ok, at)
      values (${name}, ${use.tool}, ${use.host ?? null}, ${use.runId ?? null}::uuid, ${ok}::boolean, ${clock.now()}::timestamptz)`)
  }

  return {
    async set(name, value, bindings = {}) {
      checkName(name)
      checkValue(name, value)
      const hosts = names(bindings.hosts ?? [], HOST, "host")
      const tools = names(bindings.tools ?? [SETTINGS_TOOL], TOOL, "tool")
      scrubber?.add(name, value)
      const [before] = await db.query<{ version: number }>(sql`select version from secrets where name = ${name}`)
      const version = (before?.version ?? 0) + 1
      const sealed = seal(kek, { name, version, hosts, tools }, value)
      const written = await db.query(sql`
        insert into secrets (name, version, key_version, wrapped_key, ciphertext, hosts, tools, created_at, updated_at)
        values (${name}, ${version}::int, ${KEY_VERSION}::int, ${sealed.wrappedKey}::bytea, ${sealed.ciphertext}::bytea, ${json(hosts)}, ${json(tools)},
          ${clock.now()}::timestamptz, ${clock.now()}::timestamptz)
        on conflict (name) do update set version = excluded.version, key_version = excluded.key_version, wrapped_key = excluded.wrapped_key,
          ciphertext = excluded.ciphertext, hosts = excluded.hosts, tools = excluded.tools, updated_at = excluded.updated_at
          where secrets.version = excluded.version - 1
        returning name`)
      if (written.length === 0)
        throw new Retry(`${name} was set by someone else at the same moment`, { fix: "set it again" })
    },

    async get(name, use) {
      const [row] = await db.query<Row>(sql`
        select name, version, hosts, tools, key_version as "keyVersion", wrapped_key as "wrappedKey", ciphertext
        from secrets where name = ${name}`)
      const result = row ? release(kek, row, use) : missing(name)
      await record(name, use, "value" in result)
      if ("error" in result) throw result.error
      scrubber?.add(name, result.value)
      return result.value
    },

    async list() {
      const rows = await db.query<Listed>(sql`
        select s.name, version, hosts, tools, created_at as "createdAt", updated_at as "updatedAt",
          (select count(*) from secret_access a where a.name = s.name and not ok) as refused, used.at, used.tool, used.host
        from secrets s left join lateral (
          select at, tool, host from secret_access a where a.name = s.name and ok order by at desc, id desc limit 1) used on true
        order by s.name`)
      return rows.map(({ at, tool, host, ...secret }) => ({
        ...secret,
        lastUse: at && tool !== null ? { at, tool, host } : null,
      }))
    },

    async remove(name) {
      const gone = await db.query(sql`delete from secrets where name = ${name} returning name`)
      return gone.length > 0
    },
  }
}

type Released = { value: string } | { error: Error }

function release(kek: KeyObject, row: Row, use: Use): Released {
  const { name } = row
  if (!isBound(row.tools, use.tool)) {
    return {
      error: new Deny(`${name} is not bound to ${use.tool}`, { fix: `bind it when setting it: --tools ${use.tool}` }),
    }
  }
  const mayGo =
    use.host === undefined ? row.hosts.length === 0 || row.hosts.includes(ANY) : isBound(row.hosts, hostName(use.host))
  if (!mayGo) {
    const where = use.host === undefined ? "a use without a host" : use.host
    return {
      error: new Deny(`${name} is not bound to ${where}`, {
        fix: `it may go to: ${row.hosts.join(", ") || "no host"}`,
      }),
    }
  }
  const opened = row.keyVersion === KEY_VERSION ? open(kek, row, row) : { failure: "other_key" as const }
  if ("value" in opened) return opened
  return { error: unopened(name, opened.failure) }
}

function isBound(bound: string[], wanted: string): boolean {
  return bound.includes(ANY) || bound.includes(wanted)
}

function unopened(name: string, failure: "other_key" | "altered"): Misconfigured {
  const fix = `set it again: vigil secrets set ${name}`
  return failure === "other_key"
    ? new Misconfigured(`${name} was sealed with another MASTER_KEY`, {
        code: "other_master_key",
        fix: `restore that key, or ${fix}`,
      })
    : new Misconfigured(`${name} was altered in the database, so it does not open`, { code: "altered_secret", fix })
}

function missing(name: string): Released {
  return {
    error: new Reject(404, `there is no secret ${name}`, { code: "unknown_secret", fix: `vigil secrets set ${name}` }),
  }
}

function checkName(name: string): void {
  if (secretName.safeParse(name).success) return
  throw new Reject(400, "a secret's name is capitals, digits and _, 2 to 64 long", {
    code: "malformed_name",
    fix: "for example GITHUB_TOKEN",
  })
}

function checkValue(name: string, value: string): void {
  const bytes = Buffer.byteLength(value, "utf8")
  if (bytes > 0 && bytes <= SECRET_MAX && value.isWellFormed()) return
  throw new Reject(400, `the value of ${name} must be text of 1 to ${SECRET_MAX} bytes`, {
    code: "malformed_value",
    fix: "give it on stdin",
  })
}

/** Lower-case host without the port and a trailing dot. */
function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, "").replace(/\.$/, "")
}

function names(given: string[], form: RegExp, what: "host" | "tool"): string[] {
  const all = [...new Set(given.map((name) => (what === "host" ? hostName(name.trim()) : name.trim())))].sort()
  const wrong = all.find((name) => !form.test(name))
  if (wrong === undefined) return all
  throw new Reject(400, `"${wrong}" is not the name of a ${what}`, {
    code: "malformed_binding",
    fix: `name one ${what}, or * for any`,
  })
}
