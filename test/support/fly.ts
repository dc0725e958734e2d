/**
 * Fly: the rules flyctl and the platform hold a fly.toml to, as far as our files use them. There is no offline validator
 * to ask (`fly config validate` needs a login), so a key that is not listed here is a breach too.
 * Source: https://fly.io/docs/reference/configuration/ and flyctl's `internal/appconfig`.
 */
import { parse } from "smol-toml"
import { z } from "zod"

const duration = z.string().regex(/^\d+(ms|s|m|h)$/)
const groups = z.array(z.string()).min(1)
const check = {
  method: z.enum(["GET", "HEAD"]),
  path: z.string().startsWith("/"),
  interval: duration,
  timeout: duration,
  grace_period: duration,
}

const schema = z.strictObject({
  app: z.string(),
  primary_region: z.string().length(3),
  kill_signal: z.enum(["SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGSTOP"]),
  kill_timeout: duration,
  console_command: z.string(),
  build: z.strictObject({ dockerfile: z.string(), "build-target": z.string().optional() }),
  deploy: z.strictObject({
    release_command: z.string().optional(),
    release_command_timeout: duration.optional(),
    strategy: z.enum(["rolling", "immediate", "canary", "bluegreen"]),
    max_unavailable: z.number().positive().optional(),
    wait_timeout: duration,
  }),
  env: z.record(z.string(), z.string()),
  processes: z.record(z.string(), z.string()),
  mounts: z
    .array(
      z.strictObject({
        processes: groups,
        source: z.string().regex(/^[a-z0-9_]{1,30}$/),
        destination: z.string().startsWith("/"),
        initial_size: z.string().regex(/^[1-9]\d*gb$/),
        snapshot_retention: z.int().min(1).max(60),
      }),
    )
    .default([]),
  http_service: z.strictObject({
    processes: groups,
    internal_port: z.int(),
    force_https: z.literal(true),
    auto_stop_machines: z.enum(["off", "stop", "suspend"]),
    auto_start_machines: z.boolean(),
    min_machines_running: z.int().min(1),
    concurrency: z
      .strictObject({ type: z.enum(["requests", "connections"]), soft_limit: z.int(), hard_limit: z.int() })
      .optional(),
    http_options: z.strictObject({ idle_timeout: z.int().max(3600) }),
    checks: z.array(z.strictObject(check)).min(1),
  }),
  checks: z
    .record(z.string(), z.strictObject({ ...check, processes: groups, type: z.literal("http"), port: z.int() }))
    .default({}),
  restart: z.array(z.strictObject({ policy: z.enum(["always", "never", "on-failure"]), processes: groups })),
  metrics: z.array(z.strictObject({ processes: groups, port: z.int(), path: z.string().startsWith("/") })),
  vm: z.array(z.strictObject({ size: z.string(), memory: z.string().regex(/^\d+(mb|gb)$/) })),
})

/** A fly.toml with its keys checked; see `breaches` for what spans several of them. */
export type FlyConfig = z.infer<typeof schema>

export function readFly(text: string): FlyConfig {
  return schema.parse(parse(text))
}

/** What this fly.toml breaks, one sentence each; `stopSeconds` is what an orderly stop of Vigil may take. */
export function breaches(fly: FlyConfig, stopSeconds: number): string[] {
  return [...groupsOf(fly), ...portsOf(fly), ...checksOf(fly), ...restartsOf(fly, stopSeconds), ...deployOf(fly)]
}

/** Every command the platform runs: `node FILE ARGS`. */
export function commandsOf(fly: FlyConfig): string[] {
  const { release_command } = fly.deploy
  return [...Object.values(fly.processes), fly.console_command, ...(release_command ? [release_command] : [])]
}

function groupsOf(fly: FlyConfig): string[] {
  const sections = [...fly.mounts, fly.http_service, ...Object.values(fly.checks), ...fly.restart, ...fly.metrics]
  const named = sections.flatMap((section) => section.processes)
  return named.filter((group) => !(group in fly.processes)).map((group) => `no process is named ${group}`)
}

function portsOf(fly: FlyConfig): string[] {
  const ports = [fly.http_service, ...Object.values(fly.checks), ...fly.metrics].map((section) =>
    "port" in section ? section.port : section.internal_port,
  )
  const listens = fly.env.HOST === "0.0.0.0" ? [] : ["HOST must be 0.0.0.0, or no check reaches the machine"]
  return [...listens, ...ports.filter((port) => `${port}` !== fly.env.PORT).map((port) => `port ${port} is not PORT`)]
}

function checksOf(fly: FlyConfig): string[] {
  const all = [...fly.http_service.checks, ...Object.values(fly.checks)]
  const outside = ({ interval, timeout }: { interval: string; timeout: string }) =>
    seconds(interval) < 2 || seconds(interval) > 60 || seconds(timeout) < 1 || seconds(timeout) > 60
  return all.filter(outside).map((one) => `a check of ${one.path} every ${one.interval} is outside Fly's limits`)
}

function restartsOf(fly: FlyConfig, stopSeconds: number): string[] {
  const always = new Set(fly.restart.filter(({ policy }) => policy === "always").flatMap(({ processes }) => processes))
  const kill = seconds(fly.kill_timeout)
  return [
    ...Object.keys(fly.processes).flatMap((group) => (always.has(group) ? [] : [`${group} stays down after exit 0`])),
    ...(kill > stopSeconds && kill <= 300
      ? []
      : [`kill_timeout ${fly.kill_timeout} is not over ${stopSeconds}s and up to 300s`]),
    ...(fly.kill_signal === "SIGTERM" ? [] : ["kill_signal must be SIGTERM"]),
  ]
}

function deployOf(fly: FlyConfig): string[] {
  if (fly.mounts.length === 0) return []
  return [
    ...(["canary", "bluegreen"].includes(fly.deploy.strategy)
      ? [`${fly.deploy.strategy} does not work with volumes`]
      : []),
    ...(fly.deploy.release_command
      ? ["a release_command has no volume, so it cannot migrate the embedded database"]
      : []),
  ]
}

function seconds(text: string): number {
  const [, amount = "0", unit = "s"] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  return Number(amount) * ({ ms: 0.001, s: 1, m: 60, h: 3600 }[unit] ?? 1)
}
