/**
 * Sessions: which browser speaks for the owner. A one-time link becomes a session exactly once; neither is ever stored,
 * only its SHA-256, so a stolen database opens nothing.
 */
import { sql } from "drizzle-orm"
import { sha256 } from "../../base/canonical.ts"
import type { Clock } from "../../base/clock.ts"
import type { Db } from "../../db/db.ts"
import { OWNER_ID } from "./people.ts"

export const LINK_MINUTES = 30
const SESSION_HOURS = 12

export interface BrowserSession {
  token: string
  expiresAt: Date
}

export interface Sessions {
  /** A new key for `/start?k=...`; it works once, for 30 minutes. */
  mint(): Promise<string>
  /** Whether a key would work now; looking does not use it up. */
  isLink(key: string): Promise<boolean>
  /** Uses the key up; null when it is unknown, used or too old. */
  redeem(key: string): Promise<BrowserSession | null>
  /** The person a session token speaks for; null when it is unknown or too old. */
  find(token: string): Promise<{ personId: string } | null>
  end(token: string): Promise<void>
  /** Whether somebody ever took this installation: opened a link, or is the owner at an address of a channel. */
  isOwned(): Promise<boolean>
}

/** @param random gives that many unpredictable bytes. */
export function createSessions(deps: { db: Db; clock: Clock; random: (bytes: number) => Uint8Array }): Sessions {
  const { db, clock } = deps
  const token = () => Buffer.from(deps.random(32)).toString("base64url")
  const later = (minutes: number) => new Date(clock.now().getTime() + minutes * 60_000)
  const open = (kind: "link" | "session", value: string) => sql`token_hash = ${sha256(value)} and kind = ${kind}
    and used_at is null and expires_at > ${clock.now()}::timestamptz`

  return {
    async mint() {
      const key = token()
      await db.query(sql`
        with old as (delete from sessions where kind = 'link' and expires_at < ${clock.now()}::timestamptz - interval '1 day')
        insert into sessions (token_hash, kind, person_id, created_at, expires_at)
        values (${sha256(key)}, 'link', ${OWNER_ID}::uuid, ${clock.now()}::timestamptz, ${later(LINK_MINUTES)}::timestamptz)`)
      return key
    },
    async isLink(key) {
      return (await db.query(sql`select 1 from sessions where ${open("link", key)}`)).length > 0
    },
    async redeem(key) {
      const made = { token: token(), expiresAt: later(SESSION_HOURS * 60) }
      const rows = await db.query(sql`
        with used as (
          update sessions set used_at = ${clock.now()}::timestamptz where ${open("link", key)} returning person_id
        )
        insert into sessions (token_hash, kind, person_id, created_at, expires_at)
        select ${sha256(made.token)}, 'session', person_id, ${clock.now()}::timestamptz, ${made.expiresAt}::timestamptz from used
        returning token_hash`)
      return rows.length > 0 ? made : null
    },
    async find(value) {
      const [row] = await db.query<{ personId: string | null }>(sql`
        select person_id as "personId" from sessions where ${open("session", value)}`)
      return row?.personId ? { personId: row.personId } : null
    },
    async end(value) {
      await db.query(sql`update sessions set used_at = ${clock.now()}::timestamptz where ${open("session", value)}`)
    },
    async isOwned() {
      const [row] = await db.query<{ owned: boolean }>(sql`
        select exists (select 1 from sessions where kind = 'session')
          or exists (select 1 from addresses join people on people.id = person_id
            where people.role = 'owner' and channel <> 'web') as owned`)
      return row?.owned ?? false
    },
  }
}
