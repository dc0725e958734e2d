/**
 * Features: what the API and the pages offer beyond messages and runs, as functions that the composition root wires to
 * their rooms. Inputs are checked here, before they reach a room.
 */
import { z } from "zod"

const text = z.string().trim().min(1)
const date = z.iso.date()

export const secretName = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, "must be capitals, digits and _")
export const secretInput = z.object({
  value: z.string().min(1).max(65_536),
  /** Where it may be sent; when absent, what the room thinks right for the name. */
  hosts: z.array(text.max(253)).max(50).optional(),
  /** Which tools may use it. */
  tools: z.array(text.max(64)).max(50).optional(),
})
export type SecretInput = z.output<typeof secretInput>

/** Who is on call: `logins` take turns of `everyDays` from `start` on; an override wins on its days. */
export const rota = z.object({
  zone: text.max(64).optional(),
  start: date,
  everyDays: z.number().int().min(1).max(365).default(7),
  logins: z.array(text.max(39)).min(1).max(100),
  overrides: z
    .array(z.object({ from: date, to: date, login: text.max(39) }))
    .max(500)
    .default([]),
})
export type Rota = z.output<typeof rota>

export const status = z.looseObject({
  version: z.string(),
  model: z.looseObject({ provider: z.string(), model: z.string(), offline: z.boolean(), because: z.string() }),
  channels: z.array(z.looseObject({ id: z.string(), state: z.enum(["ready", "off", "failing"]), detail: z.string() })),
  database: z.looseObject({ kind: z.enum(["postgres", "pglite"]) }),
})
export type Status = z.output<typeof status>

export const demoResult = z.looseObject({
  /** Issues that went through triage. */
  issues: z.number(),
  /** Decisions carried out, and decisions that wait for the owner. */
  applied: z.number(),
  pending: z.number(),
  /** The digest as it would be texted, and how many SMS segments that is. */
  digest: z.string(),
  segments: z.number(),
})
export type DemoResult = z.output<typeof demoResult>

export const pairInput = z.object({
  /** `me`, somebody known, or what to call somebody new. */
  name: z.string().trim().max(80).default(""),
})
export const pairing = z.object({ code: z.string(), person: z.string(), expiresAt: z.iso.datetime() })
export type Pairing = z.output<typeof pairing>

type Row = Record<string, unknown>

export interface Features {
  status(): Promise<Status>
  automations(): Promise<Row[]>
  /** Memories that `q` finds, with scores; the newest ones without `q`. */
  memories(query: { q?: string | undefined; limit: number }): Promise<Row[]>
  /** Names and bindings, never values. */
  secrets(): Promise<Row[]>
  setSecret(name: string, secret: SecretInput): Promise<void>
  /** False when there was none. */
  deleteSecret(name: string): Promise<boolean>
  spend(): Promise<Row>
  /** A code that makes whoever texts it known. */
  pair(name: string): Promise<Pairing>
  runDemo(): Promise<DemoResult>
  /** Of one repository, which is the one for all where it has none of its own; the one for all without `repo`. */
  rota(repo?: string): Promise<Rota | null>
  setRota(rota: Rota, repo?: string): Promise<void>
  decisions(query: { limit: number; repo?: string | undefined }): Promise<Row[]>
}
