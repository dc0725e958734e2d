/**
 * Hooks: webhooks of the owner's own making. A delivery that its secret signs becomes one event, once, and what it carries
 * is a stranger's words: it may start what the owner laid down for this hook, and nothing else.
 */
import { sql } from "drizzle-orm"
import { z } from "zod"
import { sha256 } from "../../base/canonical.ts"
import type { Clock } from "../../base/clock.ts"
import { Deny, Reject } from "../../base/errors.ts"
import type { NewId } from "../../base/ids.ts"
import { UNTRUSTED_LABEL } from "../../base/label.ts"
import type { RawRequest } from "../../channels/channel.ts"
import { isSigned, SIGNATURE_HEADER, TOLERANCE_SECONDS } from "../../channels/signature.ts"
import { hookInput, hookName } from "../../contract/installation/hooks.ts"
import type { Db } from "../../db/db.ts"
import type { Kv, KvEntry } from "../../db/kv.ts"
import type { Notifier } from "../../queue/notifier.ts"
import { SETTINGS_TOOL, type Vault } from "../../vault/vault.ts"
import type { Event } from "../inbox/event.ts"
import type { Inbox } from "../inbox/inbox.ts"
import { OWNER_ID } from "../people/people.ts"
import { compileSchema } from "./schema.ts"

export type Hook = z.output<typeof hookInput>

/** What the inbox holds of a delivery: the hook's name, and the payload as JSON text. */
export const hookPayload = z.object({ hook: z.string(), body: z.string() })

export interface Hooks {
  list(): Promise<(Hook & { name: string; updatedAt: Date })[]>
  get(name: string): Promise<Hook | null>
  /** Makes or changes a hook. The secret is given out when it was made now, and never again. Throws `Reject` for a bad schema. */
  put(name: string, hook: Hook): Promise<{ secret: string | null }>
  /** Takes the hook and its secret away; false when there was none. */
  remove(name: string): Promise<boolean>
  /** Takes a delivery in. Throws `Deny` when unsigned, `Reject` 404 for an unknown hook, 400 for no JSON, 422 for another shape. */
  receive(name: string, request: RawRequest): Promise<"accepted" | "duplicate">
}

export interface HookDeps {
  db: Db
  kv: Kv
  vault: Vault
  inbox: Inbox
  notifier: Notifier
  clock: Clock
  newId: NewId
  random: (bytes: number) => Buffer
}

const HOOKS = "hooks"
/** Deliveries of the last minutes. */
const SEEN = "hook-seen"
const SECRET_BYTES = 32
/** How long a secret is kept at hand, so that unsigned deliveries cost the vault nothing. */
const SECRET_MS = 60_000

/** The hook's secret in the vault. */
const hookSecret = (name: string): string => `HOOK_${name.toUpperCase().replaceAll("-", "_")}`

export function createHooks(deps: HookDeps): Hooks {
  const { db, kv, vault, clock } = deps
  const secretOf = createSecrets(deps)
  const nobody = deps.random(SECRET_BYTES).toString("hex")
  const load = async (name: string) => (hookName.safeParse(name).success ? await kv.get(HOOKS, name) : null)

  return {
    async list() {
      const entries = await kv.list(HOOKS)
      return entries.map(({ key, value, updatedAt }) => ({ name: key, ...hookInput.parse(value), updatedAt }))
    },
    async get(name) {
      const entry = await load(name)
      return entry && hookInput.parse(entry.value)
    },
    async put(name, hook) {
      if (hook.schema !== undefined) compileSchema(hook.schema)
      const isThere = (await vault.list()).some((secret) => secret.name === hookSecret(name))
      const secret = isThere ? null : deps.random(SECRET_BYTES).toString("hex")
      if (secret !== null) await vault.set(hookSecret(name), secret)
      await kv.set(db, HOOKS, name, hook)
      return { secret }
    },
    async remove(name) {
      const wasThere = await kv.delete(db, HOOKS, name)
      if (wasThere) await vault.remove(hookSecret(name))
      return wasThere
    },
    async receive(name, { headers, bytes }) {
      const entry = await load(name)
      const now = clock.now()
      const signature = headers[SIGNATURE_HEADER]
      // An unknown name is checked against a secret that nobody has, and so takes as long.
      const isRight = isSigned(entry ? await secretOf(name, entry) : nobody, signature, bytes, now)
      if (!entry) throw new Reject(404, "there is no such webhook", { code: "unknown_hook" })
      if (!isRight) throw unsigned(name)
      const body = checked(hookInput.parse(entry.value), bytes)
      return await accept(deps, {
        name,
        body,
        bytes,
        now,
        signature: String(signature),
        key: one(headers["idempotency-key"]),
      })
    },
  }
}

const one = (header: string | string[] | undefined): string => (typeof header === "string" ? header.trim() : "")

function unsigned(name: string): Deny {
  return new Deny("the signature is missing, old or wrong", {
    code: "bad_signature",
    fix: `Sign with ${hookSecret(name)}: X-Vigil-Signature: t=<unix>,v1=<hex HMAC-SHA256 of t.body>.`,
  })
}

/** Secrets by hook, each for a minute and for one version of its hook; an absent one signs nothing. */
function createSecrets({ vault, clock }: HookDeps): (name: string, hook: KvEntry) => Promise<string> {
  const kept = new Map<string, { secret: string; version: string; until: number }>()
  return async (name, hook) => {
    const version = `${hook.version} ${hook.updatedAt.toISOString()}`
    const now = clock.now().getTime()
    const known = kept.get(name)
    if (known?.version === version && now < known.until) return known.secret
    const secret = await vault.get(hookSecret(name), { tool: SETTINGS_TOOL }).catch((error: unknown) => {
      if (error instanceof Reject || error instanceof Deny) return ""
      throw error
    })
    kept.set(name, { secret, version, until: now + SECRET_MS })
    return secret
  }
}

/** The payload as JSON text, which any database takes: control characters and halves of characters are escaped in it. */
function checked(hook: Hook, bytes: Uint8Array): string {
  let value: unknown
  let text: string | undefined
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
    text = JSON.stringify(value)
  } catch (cause) {
    throw new Reject(400, "the body is no JSON that can be read", {
      code: "bad_json",
      fix: "Send JSON as UTF-8.",
      cause,
    })
  }
  const reasons = hook.schema === undefined ? [] : compileSchema(hook.schema)(value)
  if (reasons.length === 0) return text
  throw new Reject(422, `the payload does not fit: ${reasons.join("; ")}`, { code: "invalid_payload" })
}

interface Delivery {
  name: string
  body: string
  bytes: Uint8Array
  signature: string
  /** The sender's own name for the delivery; empty when it gave none. */
  key: string
  now: Date
}

/**
 * Once only: by the sender's key for ever, and by the signature while it is valid, since nothing signs the key; without a
 * key by the body for as long.
 */
async function accept(
  { db, kv, inbox, notifier, newId }: HookDeps,
  delivery: Delivery,
): Promise<"accepted" | "duplicate"> {
  const { name, body, bytes, signature, key, now } = delivery
  const mark = key === "" ? `body:${sha256(Buffer.from(bytes).toString("latin1"))}` : `signature:${sha256(signature)}`
  // From the moment of receipt twice the tolerance: a signature may be made for the end of it.
  const expiresAt = new Date(now.getTime() + 2 * TOLERANCE_SECONDS * 1000)
  const event: Event = {
    source: `hook:${name}`,
    externalId: key === "" ? newId() : `key:${sha256(key)}`,
    kind: "hook",
    channel: "web",
    threadKey: `hook:${name}`,
    target: "",
    personId: OWNER_ID,
    label: UNTRUSTED_LABEL,
    payload: { hook: name, body },
  }
  const taken = await db.transaction(async (tx) => {
    const isNew = await kv.set(tx, SEEN, `${name}:${mark}`, true, { ifVersion: 0, expiresAt })
    return isNew === null ? null : await inbox.acceptIn(tx, event)
  })
  if (taken === null || taken.duplicate) return "duplicate"
  notifier.notify("work", taken.threadId)
  await db.query(sql`
    delete from kv where (namespace, key) in (
      select namespace, key from kv where namespace = ${SEEN} and expires_at <= ${now}::timestamptz limit 100 for update skip locked)`)
  return "accepted"
}
