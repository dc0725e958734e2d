/**
 * Metrics in Prometheus' text form. Numbers only, never content; from outside the private network only with the token.
 * Without the database the process's own figures are still there.
 */
import { BlockList, isIPv6 } from "node:net"
import { sql } from "drizzle-orm"
import type { FastifyInstance, FastifyRequest } from "fastify"
import type { CircuitBreaker } from "../base/circuit-breaker.ts"
import { messageOf, Reject } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Db } from "../db/db.ts"
import type { Queue } from "../queue/queue.ts"
import { type Counters, series } from "./counters.ts"
import type { Overload } from "./overload.ts"

export interface MetricsDeps {
  db: Db
  queue: Pick<Queue, "depth">
  counters: Counters
  overload: Overload
  log: Log
  /** Channels whose sends wait, since they failed so often in a row. */
  breaker?: Pick<CircuitBreaker, "paused"> | undefined
  isOwner: (request: FastifyRequest) => Promise<boolean>
}

const NEAR = new BlockList()
for (const [net, prefix] of [
  ["127.0.0.0", 8],
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const)
  NEAR.addSubnet(net, prefix, "ipv4")
NEAR.addAddress("::1", "ipv6")
NEAR.addSubnet("fc00::", 7, "ipv6")

export function mountMetrics(app: FastifyInstance, deps: MetricsDeps): void {
  app.get("/metrics", async (request, reply) => {
    if (!isNear(request) && !(await deps.isOwner(request)))
      throw new Reject(401, "metrics need the token from outside", {
        code: "unauthorized",
        fix: "Send Authorization: Bearer.",
      })
    const lines = [...processLines(deps), ...deps.counters.lines(), ...(await databaseLines(deps))]
    return reply.type("text/plain; version=0.0.4; charset=utf-8").send(`${lines.join("\n")}\n`)
  })
}

/** Straight from this machine or its private network, not passed on by a proxy. */
function isNear(request: FastifyRequest): boolean {
  const address = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "")
  if (request.headers["x-forwarded-for"] !== undefined || address === "") return false
  return NEAR.check(address, isIPv6(address) ? "ipv6" : "ipv4")
}

function processLines({ overload, breaker }: MetricsDeps): string[] {
  const { rss, heapUsed } = process.memoryUsage()
  return [
    `process_resident_memory_bytes ${rss}`,
    `nodejs_heap_used_bytes ${heapUsed}`,
    `process_uptime_seconds ${process.uptime().toFixed(1)}`,
    `vigil_event_loop_delay_seconds ${(overload.delayMs() / 1000).toFixed(4)}`,
    `vigil_http_requests_in_flight ${overload.inFlight()}`,
    ...(breaker?.paused() ?? []).map(
      ({ service, failures }) => `${series("vigil_channel_paused", { channel: service })} ${failures}`,
    ),
  ]
}

async function databaseLines({ db, queue, log }: MetricsDeps): Promise<string[]> {
  try {
    const rows = await db.query<{ name: string; label: string; value: string; count: number }>(sql`
      select 'vigil_runs' as name, 'state' as label, state as value, count(*) as count from runs group by state
      union all select 'vigil_outbox', 'state', state, count(*) from outbox group by state
      union all select 'vigil_inbox', 'state', state, count(*) from inbox group by state
      union all select 'vigil_questions', 'state', 'open', count(*) from approvals where state = 'open'
      union all select 'vigil_threads', 'state', 'waiting', count(*) from threads where owner is null and ready_at <= now()
      union all select 'vigil_threads', 'state', 'held', count(*) from threads where owner is not null`)
    const depth = Object.entries(await queue.depth())
    return [
      ...rows.map((row) => `${series(row.name, { [row.label]: row.value })} ${row.count}`),
      ...depth.map(([name, count]) => `${series("vigil_queue_jobs", { queue: name })} ${count}`),
      "vigil_database_up 1",
    ]
  } catch (error) {
    log.warn("metrics_without_database", { message: messageOf(error) })
    return ["vigil_database_up 0"]
  }
}
