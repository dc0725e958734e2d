/** Crashing product: the product with the crash injector in it, which dies where it is told, and is started again on what it left. */
import { join } from "node:path"
import { createProcess } from "../../support/process.ts"
import type { Order } from "./injector.ts"
import type { Point } from "./points.ts"

const INJECTOR = join(import.meta.dirname, "injector.ts")

export interface CrashingProduct {
  /** Null while it is not ready. */
  url(): string | null
  /** @param point where this process dies, from its first moment on; null for nowhere. */
  start(point: Point | null): Promise<void>
  arm(point: Point): Promise<void>
  sql(text: string): Promise<Record<string, unknown>[]>
  /** True when it killed itself within `ms`. */
  died(ms: number): Promise<boolean>
  stop(): Promise<void>
  said(): string
}

export async function createCrashingProduct(env: Record<string, string>): Promise<CrashingProduct> {
  const process = await createProcess({ env, imports: [INJECTOR] })
  const order = (given: Order) => process.ask<Record<string, unknown>[]>(given)
  return {
    url: () => (process.isReady() ? process.url : null),
    said: process.said,
    start: (point) => process.start({ mayEnd: point !== null, env: point ? { CRASH_AT: JSON.stringify(point) } : {} }),
    async arm(point) {
      process.expectEnd()
      await order({ arm: point })
    },
    sql: (text) => order({ sql: text }),
    async died(ms) {
      return (await process.ended(ms)) === "SIGKILL"
    },
    stop: process.kill,
  }
}
