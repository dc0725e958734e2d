/**
 * Health: `/healthz` says that this process answers, whatever the database does; `/readyz` that work sent here would be
 * done, and names every reason why not.
 */
import type { FastifyInstance } from "fastify"
import { messageOf } from "../base/errors.ts"
import type { Readiness } from "../contract/installation/health.ts"
import type { Db } from "../db/db.ts"
import { codeSchema, databaseSchema } from "../db/migrate.ts"

const TIMEOUT_MS = 1000

export interface HealthDeps {
  db: Db
  isQueueReady: () => boolean | Promise<boolean>
}

export function mountHealth(app: FastifyInstance, { db, isQueueReady }: HealthDeps): void {
  const wanted = codeSchema()

  async function databaseReasons(): Promise<string[]> {
    const found = await within(databaseSchema(db))
    return found === wanted ? [] : [`the database has schema ${found ?? "none"}, this code needs ${wanted}`]
  }
  const queueReasons = async () => ((await within(Promise.resolve(isQueueReady()))) ? [] : ["the queue is not running"])
  const reasonsOf = (what: string, check: () => Promise<string[]>) =>
    check().catch((error: unknown) => [`${what}: ${messageOf(error)}`])

  app.get("/healthz", async () => ({ ok: true }))
  app.get("/readyz", async (_request, reply) => {
    const found = await Promise.all([reasonsOf("database", databaseReasons), reasonsOf("queue", queueReasons)])
    const reasons = found.flat()
    if (reasons.length > 0) reply.code(503).header("retry-after", "2")
    return { ready: reasons.length === 0, reasons } satisfies Readiness
  })
}

/** Rejects when `work` takes more than a second. */
async function within<T>(work: Promise<T>): Promise<T> {
  const clock = Promise.withResolvers<never>()
  const timer = setTimeout(() => clock.reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS)
  try {
    return await Promise.race([work, clock.promise])
  } finally {
    clearTimeout(timer)
  }
}
