/**
 * System automations: the automations that every installation has. They are made at boot and again when the owner's zone
 * becomes known. A person's change (another time for the digest, a pause, a cancellation) is never undone.
 */
import { SYSTEM_LABEL } from "../../base/label.ts"
import type { Db } from "../../db/db.ts"
import type { Recurrence } from "../recurrence/recurrence.ts"
import { sentenceOf } from "../words/sentence.ts"
import type { Automations } from "./automations.ts"

export const DIGEST = "digest"
const SWEEP = "github-sweep"

const EVERY_MORNING: Recurrence = { kind: "cron", expr: "0 8 * * *" }
const SWEEP_MINUTES = 15

export interface SystemOptions {
  owner: { id: string; zone: string | null }
  /** IANA zone of this machine: the guess until the owner names a zone. */
  hostZone: string
  /** Whether GitHub is set up. */
  github: boolean
}

/** Makes the digest at 8:00 in the owner's zone and, when GitHub is set up, the sweep every 15 minutes. */
export async function ensureSystemAutomations(
  { db, automations }: { db: Db; automations: Automations },
  { owner, hostZone, github }: SystemOptions,
): Promise<void> {
  const zone = owner.zone ?? hostZone
  const common = { personId: owner.id, zone, label: SYSTEM_LABEL, grants: [] }
  await db.transaction(async (tx) => {
    const digest = await automations.named(DIGEST, tx)
    const chosen = digest !== null && JSON.stringify(digest.recurrence) !== JSON.stringify(EVERY_MORNING)
    if (!chosen) {
      const sentence =
        owner.zone === null ? `every day at 8:00 AM, guessed zone ${zone}` : sentenceOf(EVERY_MORNING, zone)
      await automations.ensure(tx, {
        ...common,
        name: DIGEST,
        action: { kind: "digest" },
        recurrence: EVERY_MORNING,
        sentence,
      })
    }
    if (!github) return automations.retire(tx, SWEEP)
    const recurrence: Recurrence = { kind: "every", minutes: SWEEP_MINUTES }
    const sentence = sentenceOf(recurrence, zone)
    await automations.ensure(tx, { ...common, name: SWEEP, action: { kind: "sweep" }, recurrence, sentence })
  })
}
