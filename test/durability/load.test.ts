/** The short form of `npm run bench -- load`: nothing acknowledged is lost under load, within what holds and far beyond it. */
import { afterAll, beforeAll, expect, test } from "vitest"
import { type Loaded, startLoaded } from "../bench/load.ts"
import { databaseKind } from "../support/database.ts"

const PATIENCE_MS = 240_000

let product: Loaded
beforeAll(async () => {
  product = await startLoaded(databaseKind)
}, PATIENCE_MS)
afterAll(() => product.stop())

test(
  "webhooks within the rate and far beyond it: each is taken or told when to come back, and what was taken reaches its end",
  async () => {
    const steady = await product.shoot(20, 3)
    expect([steady.wrong, steady.acknowledged.length + steady.refused]).toEqual([{}, steady.sent])
    const flood = await product.shoot(800, 2)
    expect([flood.wrong, flood.acknowledged.length + flood.refused]).toEqual([{}, flood.sent])
    expect(flood.acknowledged.length).toBeGreaterThan(0)
    expect(await product.settle(PATIENCE_MS / 2)).not.toBeNull()
    expect(await product.violations()).toEqual([])
  },
  PATIENCE_MS,
)
