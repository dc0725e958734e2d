import { sql } from "drizzle-orm"
import { beforeAll, expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import type { Inbound } from "../../../src/channels/channel.ts"
import { createIntake, type Intake } from "../../../src/thread/inbox/intake.ts"
import { ownSpine } from "../../support/own.ts"

const s = await ownSpine()
let intake: Intake
beforeAll(async () => {
  intake = createIntake({ db: s.db, people: s.people, inbox: s.inbox, log: silentLog })
})

const inbound = (text: string, address = "+15550001111"): Inbound => ({
  channel: "sms",
  source: "sms:AC",
  externalId: newId(),
  address,
  threadKey: `sms:+1:${address}`,
  text,
  target: address,
})
const rowOf = async ({ externalId }: Inbound) => {
  const [row] = await s.db.query<{ kind: string; state: string; label: unknown; person: string | null }>(
    sql`select kind, state, label, person_id as person from inbox where external_id = ${externalId}`,
  )
  return row
}

test("the owner's words are the owner's, and a slash makes them a command", async () => {
  const message = inbound("hello")
  const command = inbound("/status")
  expect(await intake.message(message)).toBe("accepted")
  expect(await intake.message(command)).toBe("accepted")
  expect(await rowOf(message)).toMatchObject({
    kind: "message",
    label: { integrity: "owner", confidentiality: "private" },
  })
  expect(await rowOf(command)).toMatchObject({ kind: "command" })
  expect(await intake.message(message)).toBe("duplicate")
})

test("a member's words are a collaborator's", async () => {
  const id = newId()
  await s.db.query(sql`insert into people (id, role, created_at) values (${id}, 'member', now())`)
  await s.people.link(id, "sms", "+15550002222", "+15550002222")
  const message = inbound("hi", "+15550002222")
  await intake.message(message)
  expect(await rowOf(message)).toMatchObject({
    person: id,
    label: { integrity: "collaborator", confidentiality: "private" },
  })
})

test("a stranger leaves no row, with or without a carrier's word", async () => {
  const message = inbound("hi", "+15559999999")
  expect(await intake.message(message)).toBe("stranger")
  expect(await intake.message({ ...message, text: "STOP", carrier: { by: "phone" } })).toBe("stranger")
  expect(await rowOf(message)).toBeUndefined()
})

test("a carrier's word is recorded and starts no run", async () => {
  const stop: Inbound = { ...inbound("STOP"), carrier: { by: "phone" } }
  expect(await intake.message(stop)).toBe("keyword")
  expect(await rowOf(stop)).toMatchObject({ state: "recorded" })
  expect(await intake.message(stop)).toBe("duplicate")
})
