/** Who may talk to the agent, where, and which browser or link speaks for them. */
import { sql } from "drizzle-orm"
import { check, index, integer, pgTable, primaryKey, text, timestamp, unique, uuid } from "drizzle-orm/pg-core"

const at = (name: string) => timestamp(name, { withTimezone: true })

export const people = pgTable(
  "people",
  {
    id: uuid().primaryKey(),
    name: text(),
    role: text().notNull(),
    /** IANA zone; null until the person said it: never silently UTC. */
    zone: text(),
    /** `22:00-07:00` on their wall clock, or `off`; null for the usual ones (schedule/recurrence/quiet.ts). */
    quietHours: text("quiet_hours"),
    createdAt: at("created_at").notNull(),
  },
  (t) => [check("people_role", sql`${t.role} in ('owner', 'member')`)],
)

export const addresses = pgTable(
  "addresses",
  {
    id: uuid().primaryKey(),
    personId: uuid("person_id")
      .notNull()
      .references(() => people.id, { onDelete: "cascade" }),
    channel: text().notNull(),
    /** As the channel names people: chat id, E.164 number. */
    address: text().notNull(),
    /** What to address a message to; learned from the first message where it differs from the address. */
    target: text().notNull(),
    optedOutAt: at("opted_out_at"),
    createdAt: at("created_at").notNull(),
  },
  (t) => [unique("addresses_channel_address").on(t.channel, t.address), index("addresses_person").on(t.personId)],
)

/** Browser sessions and one-time links; only the SHA-256 of a token is kept. */
export const sessions = pgTable("sessions", {
  tokenHash: text("token_hash").primaryKey(),
  kind: text().notNull(),
  personId: uuid("person_id").references(() => people.id, { onDelete: "cascade" }),
  createdAt: at("created_at").notNull(),
  expiresAt: at("expires_at").notNull(),
  usedAt: at("used_at"),
})

/** Codes that make a stranger's address known: one use, ten minutes; only the SHA-256 of a code is kept. */
export const pairings = pgTable("pairings", {
  codeHash: text("code_hash").primaryKey(),
  /** Whose further address it makes; null for somebody new. */
  personId: uuid("person_id").references(() => people.id, { onDelete: "cascade" }),
  /** Of somebody new. */
  name: text(),
  createdAt: at("created_at").notNull(),
  expiresAt: at("expires_at").notNull(),
  usedAt: at("used_at"),
})

/** How often a stranger's address tried a code, until the count starts anew. */
export const pairingTries = pgTable(
  "pairing_tries",
  {
    channel: text().notNull(),
    address: text().notNull(),
    tries: integer().notNull(),
    until: at("until").notNull(),
  },
  (t) => [primaryKey({ columns: [t.channel, t.address] })],
)
