import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import { codeSchema, databaseSchema, migrate } from "../../src/db/migrate.ts"
import { testDatabase } from "../support/database.ts"

test("a migrated database is current, and migrating again changes nothing", async () => {
  const { db, drop } = await testDatabase()
  expect(await databaseSchema(db)).toBe(codeSchema())
  const tables = () => db.query(sql`select count(*) as n from information_schema.tables where table_schema = 'public'`)
  const before = await tables()
  await migrate(db)
  expect(await tables()).toEqual(before)
  await drop()
})

test("a database of a newer version is refused", async () => {
  const { db, drop } = await testDatabase()
  await db.query(
    sql`insert into drizzle.__drizzle_migrations (hash, created_at, name) values ('x', 9999999999999, '99991231000000_future')`,
  )
  await expect(migrate(db)).rejects.toThrow("newer than this code")
  await drop()
})
