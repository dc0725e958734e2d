/**
 * Vault: encrypted secrets, each bound to the tools and the hosts that may have it.
 *
 * V1 The database holds a value only encrypted, and a row that was edited does not open: bindings cannot be widened there.
 * V2 A value leaves only through `get`, for a tool and a host to which it is bound.
 * V3 Every use is recorded, granted or refused, before it is answered. The record outlives the secret.
 * V4 The scrubber knows a value before it is stored or given out, so that no log line shows it.
 * V5 A version is one value. Of two people who set a secret at the same moment, the later one is told.
 * V6 A malformed name, value or binding is refused before anything is written.
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

/** The tool name under which the installation reads its own settings. A secret without bindings is bound to it alone. */
export const SETTINGS_TOOL = "settings"
const ANY = "*"
const KEY_VERSION = 1
const HOST = /^(?:\*|[a-z0-9.-]+|\[[0-9a-f:]+\])$/
const TOOL = /^(?:\*|[a-z0-9_.-]{1,64})$/

export interface Bindings {
  /** Host names to which the value may be sent; `*` for any. When absent, the value is never given for a host. */
  hosts?: string[]
  /** Names of the tools that may have the value; `*` for any. When absent, `SETTINGS_TOOL` alone. */
  tools?: string[]
}

export interface Use {
  tool: string
  /** The host to which the value will be sent. It may be absent only for a secret that is bound to no host, or to any. */
  host?: string
  runId?: string
}

export interface SecretInfo {
  name: string
  version: number
  hosts: string[]
  tools: string[]
  createdAt: Date
  /** When the present value was set. */
  updatedAt: Date
  /** The last granted use; null when no use was granted. */
  lastUse: { at: Date; tool: string; host: string | null } | null
  /** Number of refused uses, since the first one. */
  refused: number
}

export interface Vault {
  /**
   * Sets or replaces a value together with its bindings. Throws `Reject` for a malformed name, binding or value, `Retry`
   * when someone else set the secret at the same moment.
   */
  set(name: string, value: string, bindings?: Bindings): Promise<void>
  /**
   * Gives a value out for one use. Throws `Reject` (404) when there is no such secret, `Deny` when it is not bound to this
   * use, `Misconfigured` when its row does not open.
   */
  get(name: string, use: Use): Promise<string>
  /** All secrets without their values, sorted by name. */
  list(): Promise<SecretInfo[]>
  /** Removes a secret; the record of its uses stays. False when there was no such secret. */
  remove(name: string): Promise<boolean>
}

export interface VaultDeps {
  db: Db
  masterKey: KeyObject
  clock: Clock
  /** Learns every value that is set or given out, so that none is ever shown. */
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
      // V6: every check stands before the first write.
      checkName(name)
      checkValue(name, value)
      const hosts = checkedNames(bindings.hosts ?? [], HOST, "host")
      const tools = checkedNames(bindings.tools ?? [SETTINGS_TOOL], TOOL, "tool")
      // V4
      scrubber?.add(name, value)
      const [before] = await db.query<{ version: number }>(sql`select version from secrets where name = ${name}`)
      const version = (before?.version ?? 0) + 1
      // V1
      const sealed = seal(kek, { name, version, hosts, tools }, value)
      // V5: the update finds no row when another version was written since `before` was read.
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
      // V3: recorded before the value or the refusal is known outside.
      await record(name, use, "value" in result)
      if ("error" in result) throw result.error
      // V4
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

/** V2: a value only for a bound tool and a bound host; else the error that says what is missing. */
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
  throw new Reject(400, "a secret's name must be 2 to 64 capital letters, digits and _, a letter first", {
    code: "malformed_name",
    fix: "for example GITHUB_TOKEN",
  })
}

function checkValue(name: string, value: string): void {
  const bytes = Buffer.byteLength(value, "utf8")
  if (bytes > 0 && bytes <= SECRET_MAX && value.isWellFormed()) return
  throw new Reject(400, `the value of ${name} must be text of 1 to ${SECRET_MAX} bytes`, {
    code: "malformed_value",
    fix: "give the value on standard input",
  })
}

/** The host in lower case, without its port and its closing dot. */
function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, "").replace(/\.$/, "")
}

/** Names without repeats, sorted. Throws `Reject` for the first that does not match `pattern`. */
function checkedNames(given: string[], pattern: RegExp, kind: "host" | "tool"): string[] {
  const names = [...new Set(given.map((name) => (kind === "host" ? hostName(name.trim()) : name.trim())))].sort()
  const malformed = names.find((name) => !pattern.test(name))
  if (malformed === undefined) return names
  throw new Reject(400, `"${malformed}" is not the name of a ${kind}`, {
    code: "malformed_binding",
    fix: `name one ${kind}, or * for any`,
  })
}
