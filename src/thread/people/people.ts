/**
 * People: who may talk to the agent and where they are reached. Whoever is not here gets no answer, on any channel.
 */
import { sql } from "drizzle-orm"
import type { Clock } from "../../base/clock.ts"
import { idOf, type NewId } from "../../base/ids.ts"
import type { ChannelId } from "../../channels/channel.ts"
import type { Db, Tx } from "../../db/db.ts"

export interface Person {
  id: string
  name: string | null
  role: "owner" | "member"
  /** IANA zone; null until known. */
  zone: string | null
}

export interface HomeThread {
  threadId: string
  channel: ChannelId
  target: string
}

export interface OwnerSettings {
  phone?: string
  telegramId?: string
  /** In lower case. */
  email?: string
  timezone?: string
}

export const OWNER_ID = idOf("vigil:owner")

export interface People {
  /** The person behind an address; null for a stranger. */
  find(channel: ChannelId, address: string): Promise<(Person & { optedOut: boolean }) | null>
  get(id: string): Promise<Person | null>
  /** Makes the owner's row, and the addresses that the environment names. */
  ensureOwner(settings: OwnerSettings): Promise<Person>
  link(personId: string, channel: ChannelId, address: string, target: string): Promise<void>
  setZone(tx: Tx, id: string, zone: string): Promise<void>
  setName(tx: Tx, id: string, name: string): Promise<void>
  optOut(channel: ChannelId, address: string, out: boolean): Promise<void>
  /**
   * Where to text someone first: SMS, else Telegram, else e-mail, else the web, of the channels in `live`, skipping addresses
   * that opted out. Makes the thread when there is none yet.
   */
  home(personId: string, live: ReadonlySet<ChannelId>): Promise<HomeThread>
}

const PERSON = sql`people.id, people.name, people.role, people.zone`

export function createPeople({ db, clock, newId }: { db: Db; clock: Clock; newId: NewId }): People {
  async function link(personId: string, channel: ChannelId, address: string, target: string): Promise<void> {
    await db.query(sql`
      insert into addresses (id, person_id, channel, address, target, created_at)
      values (${newId()}, ${personId}, ${channel}, ${address}, ${target}, ${clock.now()})
      on conflict (channel, address) do update set person_id = excluded.person_id, target = excluded.target`)
  }
  async function get(id: string): Promise<Person | null> {
    const [row] = await db.query<Person>(sql`select ${PERSON} from people where id = ${id}`)
    return row ?? null
  }
  return {
    link,
    get,
    async find(channel, address) {
      const [row] = await db.query<Person & { optedOut: boolean }>(sql`
        select ${PERSON}, opted_out_at is not null as "optedOut" from addresses join people on people.id = person_id
        where channel = ${channel} and address = ${address}`)
      return row ?? null
    },
    async ensureOwner({ phone, telegramId, email, timezone }) {
      await db.query(sql`
        insert into people (id, role, zone, created_at) values (${OWNER_ID}, 'owner', ${timezone ?? null}, ${clock.now()})
        on conflict (id) do update set zone = coalesce(people.zone, excluded.zone)`)
      await link(OWNER_ID, "web", "owner", "owner")
      if (phone) await link(OWNER_ID, "sms", phone, phone)
      if (telegramId) await link(OWNER_ID, "telegram", telegramId, telegramId)
      if (email) await link(OWNER_ID, "email", email, email)
      const owner = await get(OWNER_ID)
      if (!owner) throw new Error("the owner's row could not be read back")
      return owner
    },
    async setZone(tx, id, zone) {
      await tx.query(sql`update people set zone = ${zone} where id = ${id}`)
    },
    async setName(tx, id, name) {
      await tx.query(sql`update people set name = ${name} where id = ${id}`)
    },
    async optOut(channel, address, out) {
      const at = out ? clock.now() : null
      await db.query(
        sql`update addresses set opted_out_at = ${at}::timestamptz where channel = ${channel} and address = ${address}`,
      )
    },
    home: (personId, live) => home(db, personId, live, clock.now()),
  }
}

async function home(db: Db, personId: string, live: ReadonlySet<ChannelId>, now: Date): Promise<HomeThread> {
  const addresses = await db.query<{
    channel: ChannelId
    address: string
    target: string
    threadId: string | null
  }>(sql`
    select channel, address, target, (
      select id from threads where threads.channel = addresses.channel and threads.person_id = addresses.person_id
        and threads.target = addresses.target order by created_at desc limit 1) as "threadId"
    from addresses where person_id = ${personId} and opted_out_at is null
    order by array_position(array['sms', 'telegram', 'email', 'web'], channel)`)
  const best = addresses.find((a) => live.has(a.channel)) ?? mailboxOf(personId)
  if (best.threadId) return { threadId: best.threadId, channel: best.channel, target: best.target }
  const key = `${best.channel}:${best.address}`
  // Of a chat that moved here, or by another at this moment, it may be there already.
  const [there] = await db.query<{ id: string }>(sql`
    with made as (
      insert into threads (id, channel, key, person_id, target, created_at)
      values (${idOf(key)}, ${best.channel}, ${key}, ${personId}, ${best.target}, ${now}) on conflict do nothing returning id
    )
    select id from made union all select id from threads where key = ${key}`)
  return { threadId: there?.id ?? idOf(key), channel: best.channel, target: best.target }
}

/** Where someone is written to who can be reached nowhere: a mailbox of their own, never another person's. */
function mailboxOf(personId: string) {
  const name = personId === OWNER_ID ? "owner" : personId
  return { channel: "web" as const, address: name, target: name, threadId: null }
}
