/**
 * Pairing: how a stranger's address becomes a person's. The owner makes a code, the stranger texts exactly that, once and
 * within ten minutes; every other word of a stranger, and a guess too many, meets silence.
 */
import { sql } from "drizzle-orm"
import { sha256 } from "../../base/canonical.ts"
import type { Clock } from "../../base/clock.ts"
import { Limit, Reject } from "../../base/errors.ts"
import type { NewId } from "../../base/ids.ts"
import { MEMBER_LABEL } from "../../base/label.ts"
import type { Inbound } from "../../channels/channel.ts"
import type { Db, Tx } from "../../db/db.ts"
import { CLEAR_SIGNS } from "../approvals/code.ts"
import { postNotice } from "../outbox/outbox.ts"
import { OWNER_ID } from "../people/people.ts"
import { insertEvent } from "./insert-event.ts"

const LENGTH = 8
const MINUTES = 10
const PENDING = 3
/** Wrong codes of one address that are looked at before it is ignored for an hour. */
const TRIES = 5
const HOUR_MS = 3_600_000
const MAX_NAME = 80
const CODE = new RegExp(`^[${CLEAR_SIGNS}]{${LENGTH}}$`)

export interface Pairing {
  code: string
  /** Who the sender of the code will be, in words: `you`, `Ana`, `a new member called Ana`. */
  person: string
  expiresAt: Date
}

export interface Pairings {
  /**
   * @param words `me` for an address more of the owner's, the name of a person for one more of theirs, any other name or
   * none for somebody new. Throws `Limit` while three codes wait, `Reject` for what is no name or fits several people.
   */
  make(words: string): Promise<Pairing>
  /** Makes the sender known when the text is a code that waits, and welcomes them; null for everything else. */
  redeem(inbound: Inbound): Promise<{ threadId: string } | null>
}

interface PairingDeps {
  db: Db
  clock: Clock
  newId: NewId
  /** That many unpredictable bytes. */
  random: (bytes: number) => Uint8Array
}

interface Whom {
  personId: string | null
  name: string | null
  words: string
}

export function createPairings({ db, clock, newId, random }: PairingDeps): Pairings {
  return {
    async make(words) {
      const now = clock.now()
      const expiresAt = new Date(now.getTime() + MINUTES * 60_000)
      const code = newCode(random)
      const person = await db.transaction(async (tx) => {
        // Makers queue up on the owner's row, so that no two of them count the same codes.
        await tx.query(sql`select 1 from people where id = ${OWNER_ID}::uuid for update`)
        if ((await pending(tx, now)) >= PENDING)
          throw new Limit("pairings", "three pairing codes are waiting already", {
            fix: "Use one of them, or wait until they expire: ten minutes at most.",
          })
        const whom = await whomOf(tx, words.trim())
        await tx.query(sql`
          insert into pairings (code_hash, person_id, name, created_at, expires_at)
          values (${sha256(code)}, ${whom.personId}::uuid, ${whom.name}, ${now}::timestamptz, ${expiresAt}::timestamptz)`)
        return whom.words
      })
      return { code, person, expiresAt }
    },
    async redeem(inbound) {
      const code = inbound.text.trim().toUpperCase()
      // In a group everybody reads along, and the group is nobody's address.
      if (!CODE.test(code) || inbound.target !== inbound.address) return null
      return db.transaction(async (tx) => {
        const now = clock.now()
        if (!(await mayTry(tx, inbound, now))) return null
        const whom = await useUp(tx, code, now)
        if (whom) await forgetCode(tx, code)
        return whom && (await admit(tx, { inbound, whom, now, newId }))
      })
    },
  }
}

/** What stands in place of a code that is over. */
const FORGOTTEN = "(a pairing code, not kept)"

/** Answers that show a code are kept only while it works; the codes that are over go too. */
export async function forgetCodes(tx: Tx, now: Date): Promise<void> {
  const over = new Date(now.getTime() - 60_000)
  await tx.query(sql`
    with over as (delete from pairings where expires_at <= ${over}::timestamptz returning 1)
    update outbox set body = jsonb_build_object('text', ${FORGOTTEN}::text)
    where exists (select 1 from over) and body ? 'forgetAt' and (body ->> 'forgetAt')::timestamptz <= ${now}::timestamptz`)
}

/** The answer that showed this code. */
async function forgetCode(tx: Tx, code: string): Promise<void> {
  await tx.query(sql`
    update outbox set body = jsonb_build_object('text', ${FORGOTTEN}::text)
    where body ? 'forgetAt' and position(${code}::text in body ->> 'text') > 0`)
}

async function pending(tx: Tx, now: Date): Promise<number> {
  const [row] = await tx.query<{ n: number }>(
    sql`select count(*)::int as n from pairings where used_at is null and expires_at > ${now}::timestamptz`,
  )
  return row?.n ?? 0
}

async function whomOf(tx: Tx, words: string): Promise<Whom> {
  if (words === "") return { personId: null, name: null, words: "a new member" }
  if (words.toLowerCase() === "me") return { personId: OWNER_ID, name: null, words: "you" }
  if (words.length > MAX_NAME || /\p{Cc}/u.test(words))
    throw new Reject(400, `a name is one line of at most ${MAX_NAME} characters`, { code: "invalid" })
  const [known, other] = await tx.query<{ id: string }>(sql`
    select id from people where lower(name) = lower(${words})
      and exists (select 1 from addresses where person_id = people.id)`)
  if (other) throw new Reject(409, `several people are called ${words}`, { code: "ambiguous", fix: "See /people." })
  return known
    ? { personId: known.id, name: words, words }
    : { personId: null, name: words, words: `a new member called ${words}` }
}

/** Counts the try; nothing is counted, or kept of anybody, while no code waits. */
async function mayTry(tx: Tx, { channel, address }: Inbound, now: Date): Promise<boolean> {
  if ((await pending(tx, now)) === 0) return false
  await tx.query(sql`delete from pairing_tries where until <= ${now}::timestamptz`)
  const until = new Date(now.getTime() + HOUR_MS)
  const [row] = await tx.query<{ tries: number }>(sql`
    insert into pairing_tries (channel, address, tries, until) values (${channel}, ${address}, 1, ${until}::timestamptz)
    on conflict (channel, address) do update set tries = pairing_tries.tries + 1,
      until = case when pairing_tries.tries + 1 = ${TRIES}::int then excluded.until else pairing_tries.until end
    returning tries`)
  return (row?.tries ?? TRIES + 1) <= TRIES
}

async function useUp(
  tx: Tx,
  code: string,
  now: Date,
): Promise<{ personId: string | null; name: string | null } | null> {
  const [used] = await tx.query<{ personId: string | null; name: string | null }>(sql`
    update pairings set used_at = ${now}::timestamptz
    where code_hash = ${sha256(code)} and used_at is null and expires_at > ${now}::timestamptz
    returning person_id as "personId", name`)
  return used ?? null
}

interface Admission {
  inbound: Inbound
  whom: { personId: string | null; name: string | null }
  now: Date
  newId: NewId
}

/** Person, address, conversation and welcome, in the transaction that used the code up. The code itself is not kept. */
async function admit(tx: Tx, { inbound, whom, now, newId }: Admission): Promise<{ threadId: string }> {
  const { channel, address, target, source, externalId, threadKey } = inbound
  const personId = whom.personId ?? newId()
  await tx.query(sql`insert into people (id, name, role, created_at)
    values (${personId}::uuid, ${whom.name}, 'member', ${now}::timestamptz) on conflict (id) do nothing`)
  await tx.query(sql`insert into addresses (id, person_id, channel, address, target, created_at)
    values (${newId()}::uuid, ${personId}::uuid, ${channel}, ${address}, ${target}, ${now}::timestamptz)`)
  await tx.query(sql`delete from pairing_tries where channel = ${channel} and address = ${address}`)
  const id = newId()
  const event = {
    source,
    externalId,
    channel,
    threadKey,
    target,
    personId,
    kind: "message" as const,
    label: MEMBER_LABEL,
  }
  const payload = { text: "", reason: "pairing code" }
  const { threadId } = await insertEvent(tx, { event: { ...event, payload }, id, state: "recorded", now })
  // A conversation that was someone else's begins anew: what was said in it before is not theirs.
  await tx.query(sql`update threads set person_id = ${personId}::uuid, history_from = next_seq - 1
    where id = ${threadId}::uuid and person_id is distinct from ${personId}::uuid`)
  await postNotice(tx, { threadId, dedupeKey: `welcome:${id}`, text: welcome(whom), now })
  return { threadId }
}

function welcome({ personId, name }: { personId: string | null; name: string | null }): string {
  if (personId !== null) return "This address is yours now: I know you here too."
  return `Welcome${name === null ? "" : `, ${name}`}. I am Vigil, an assistant you can text. Send /help to see what I can do.`
}

/** Evenly spread: a byte beyond the last whole round of signs is thrown away. */
function newCode(random: (bytes: number) => Uint8Array): string {
  const rounds = 256 - (256 % CLEAR_SIGNS.length)
  let code = ""
  while (code.length < LENGTH)
    for (const byte of random(LENGTH)) if (byte < rounds) code += CLEAR_SIGNS.charAt(byte % CLEAR_SIGNS.length)
  return code.slice(0, LENGTH)
}
