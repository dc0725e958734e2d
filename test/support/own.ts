/**
 * Own: a database, and a spine on it, that a test file has to itself from its first line to its last test. Taken with a
 * top-level `await`, so that nothing has to be declared before it is there.
 */
import { afterAll } from "vitest"
import { type TestDatabase, testDatabase } from "./database.ts"
import { type SpineOptions, spine } from "./spine.ts"
import type { Spine } from "./work.ts"

export async function ownDatabase(): Promise<TestDatabase> {
  const database = await testDatabase()
  afterAll(() => database.drop())
  return database
}

/** Stopped before its database is dropped: what is registered last ends first. */
export async function ownSpine(options: Omit<SpineOptions, "db"> = {}): Promise<Spine> {
  const { db } = await ownDatabase()
  const s = await spine({ ...options, db })
  afterAll(() => s.stop())
  return s
}
