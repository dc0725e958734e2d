/** Preference tools: set what the person prefers, and tell the time where the person is. */
import { z } from "zod"
import type { Tx } from "../db/db.ts"
import type { Kv } from "../db/kv.ts"
import type { Memory, NewMemory } from "../memory/memory.ts"
import { personScope } from "../memory/scope.ts"
import { readQuiet } from "../schedule/recurrence/quiet.ts"
import { setQuiet } from "../thread/outbox/quiet-hours.ts"
import type { People } from "../thread/people/people.ts"
import {
  type EffectTool,
  failed,
  type Tool,
  type ToolContext,
  type ToolResult,
  type TransactionalTool,
} from "./tool.ts"

const MAX_NAME = 80

const setting = z.strictObject({
  key: z
    .string()
    .regex(/^[a-zA-Z][a-zA-Z0-9 _.-]{0,63}$/)
    .describe("timezone, name, quiet_hours, or a short name of your own such as language or digest time"),
  value: z
    .string()
    .trim()
    .min(1)
    .max(1000)
    .describe("timezone: an IANA name or a city; quiet_hours: 22:00-07:00 or off"),
})
const nothing = z.strictObject({})

export interface PreferenceDeps {
  people: Pick<People, "setZone" | "setName">
  kv: Pick<Kv, "get" | "set">
  memory: Pick<Memory, "remember" | "supersede">
  /** The IANA zone that a text means; null when it means none, or more than one. */
  zoneOf: (text: string) => string | null
  /** A moment as a person in `zone` reads it. */
  localTime: (at: Date, zone: string) => string
}

export function preferenceTools(deps: PreferenceDeps): Tool[] {
  return [setPreferenceTool(deps), nowTool(deps)]
}

function setPreferenceTool(deps: PreferenceDeps): TransactionalTool<z.infer<typeof setting>> {
  return {
    name: "set_preference",
    description:
      "Sets how the person wants things: their timezone, their name, or any lasting preference, kept in mind from now on.",
    input: setting,
    effect: "write",
    needs: "system",
    replay: "transactional",
    show: ({ key, value }) => `Set ${named(key)} to ${value}`,
    async run({ key, value }, ctx, tx) {
      const name = named(key)
      if (name === "timezone") return setZone(deps, value, ctx, tx)
      if (name === "quiet_hours") return setQuietHours(value, ctx, tx)
      if (name === "name") return setName(deps, value, ctx, tx)
      return keep(deps, name, value, ctx, tx)
    },
  }
}

/** The one spelling of a preference: `Digest time` and `digest_time` are the same. */
function named(key: string): string {
  const name = key
    .trim()
    .toLowerCase()
    .replaceAll(/[\s.-]+/g, "_")
  return name === "time_zone" || name === "tz" ? "timezone" : name
}

async function setZone(deps: PreferenceDeps, value: string, { person, now }: ToolContext, tx: Tx): Promise<ToolResult> {
  const zone = deps.zoneOf(value)
  if (zone === null)
    return failed("invalid", `"${value}" is not one time zone: give an IANA name such as Europe/Berlin, or a city`)
  await deps.people.setZone(tx, person.id, zone)
  return { ok: true, key: "timezone", value: zone, local: deps.localTime(now, zone) }
}

async function setQuietHours(value: string, { person }: ToolContext, tx: Tx): Promise<ToolResult> {
  const hours = readQuiet(value)
  if (hours === null) return failed("invalid", `"${value}" is not a range of hours: give "22:00-07:00", or "off"`)
  await setQuiet(tx, person.id, hours)
  return { ok: true, key: "quiet_hours", value: hours }
}

async function setName(deps: PreferenceDeps, value: string, { person }: ToolContext, tx: Tx): Promise<ToolResult> {
  if (value.length > MAX_NAME) return failed("invalid", `a name has at most ${MAX_NAME} characters`)
  await deps.people.setName(tx, person.id, value)
  return { ok: true, key: "name", value }
}

/**
 * Stores a preference twice: in kv for code, and as a pinned memory for the model. The memory replaces the last one of
 * the same preference.
 */
async function keep(
  { kv, memory }: PreferenceDeps,
  key: string,
  value: string,
  ctx: ToolContext,
  tx: Tx,
): Promise<ToolResult> {
  const scope = personScope(ctx.person.id)
  const input: NewMemory = {
    scope,
    kind: "preference",
    text: `${key.replaceAll("_", " ")}: ${value}`,
    label: ctx.label,
    sources: { run: ctx.runId, op: ctx.opId },
    pinned: true,
  }
  const last = await kv.get(`${scope}:memory`, key, tx)
  const lastId = z.int().safeParse(last?.value)
  const kept = lastId.success ? await memory.supersede(tx, lastId.data, input) : await memory.remember(tx, input)
  await kv.set(tx, scope, key, value)
  await kv.set(tx, `${scope}:memory`, key, kept.id)
  return { ok: true, key, value, memory: kept.id }
}

function nowTool({ localTime }: PreferenceDeps): EffectTool<z.infer<typeof nothing>> {
  return {
    name: "now",
    description: "The present time, in UTC and where the person is.",
    input: nothing,
    effect: "read",
    needs: "untrusted",
    replay: "pure",
    show: () => "Look at the clock",
    run: async (_args, { now, zone }) => ({ ok: true, now: now.toISOString(), local: localTime(now, zone), zone }),
  }
}
