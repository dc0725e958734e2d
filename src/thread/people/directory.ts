/** Directory: who is known and where, and how they are made unknown again. For the owner's eyes; the owner always stays. */
import { sql } from "drizzle-orm"
import type { ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import { OWNER_ID } from "./people.ts"

export interface KnownAddress {
  channel: ChannelId
  address: string
  optedOut: boolean
}

export interface KnownPerson {
  id: string
  name: string | null
  role: "owner" | "member"
  addresses: KnownAddress[]
}

/** Everybody who can be reached somewhere, the owner first. The owner's web page is no address that could be taken away. */
export function knownPeople(tx: Tx): Promise<KnownPerson[]> {
  return tx.query<KnownPerson>(sql`
    select people.id, name, role, (
      select coalesce(jsonb_agg(jsonb_build_object('channel', channel, 'address', address, 'optedOut', opted_out_at is not null)
        order by channel, address), '[]')
      from addresses where person_id = people.id and channel <> 'web') as addresses
    from people
    where role = 'owner' or exists (select 1 from addresses where person_id = people.id)
    order by role desc, name, id`)
}

/** Whether it was known; the next message from there is a stranger's. */
export async function forgetAddress(tx: Tx, { channel, address }: Omit<KnownAddress, "optedOut">): Promise<boolean> {
  const gone = await tx.query(sql`
    delete from addresses where channel = ${channel} and address = ${address} and channel <> 'web' returning id`)
  return gone.length > 0
}

/** Takes all addresses of a member, and the codes made for them. The row stays: what they said and did refers to it. */
export async function forgetMember(tx: Tx, personId: string): Promise<boolean> {
  if (personId === OWNER_ID) return false
  await tx.query(sql`delete from pairings where person_id = ${personId}::uuid and used_at is null`)
  const gone = await tx.query(sql`delete from addresses where person_id = ${personId}::uuid returning id`)
  return gone.length > 0
}
