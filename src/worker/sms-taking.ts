/**
 * SMS taking: hands listed messages on, in the order of each conversation. A message that can never be taken holds up no
 * other for ever: it is logged and passed over, but only once others prove that the fault is its own.
 */
import { codeOf, Reject } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Inbound } from "../channels/channel.ts"
import type { Intake } from "../thread/inbox/intake.ts"

/** A message that fails in this many looks while others get through is passed over. */
const TRIES = 5

interface Failure {
  id: string
  error: unknown
}

/** Returns the first failure that calls for another look as far back; null when all were taken. */
export type TakeSms = (found: Inbound[]) => Promise<Failure | null>

export function createSmsTaking({ intake, log }: { intake: Intake; log: Log }): TakeSms {
  const tries = new Map<string, number>()
  const passedOver = new Set<string>()

  function passOver({ id, error }: Failure): void {
    passedOver.add(id)
    tries.delete(id)
    log.error("sms_passed_over", { message: id, code: codeOf(error), error })
  }

  /** Null when it was taken, or never will be. */
  async function takeOne(inbound: Inbound): Promise<Failure | null> {
    const failure = await intake.message(inbound).then(
      () => null,
      (error: unknown) => ({ id: inbound.externalId, error }),
    )
    if (failure === null || !isUnstorable(failure.error)) return failure
    passOver(failure)
    return null
  }

  function count(failure: Failure): void {
    const times = (tries.get(failure.id) ?? 0) + 1
    tries.set(failure.id, times)
    if (times >= TRIES) passOver(failure)
  }

  return async (found) => {
    const failed = new Map<string, Failure>()
    let taken = 0
    for (const one of found) {
      const { externalId, threadKey } = one
      if (passedOver.has(externalId) || failed.has(threadKey)) continue
      const failure = await takeOne(one)
      if (failure) failed.set(threadKey, failure)
      else taken += 1
    }
    // Where nothing gets through, the fault is not the message's.
    if (taken > 0) failed.forEach(count)
    // Also after passing one over: what came behind it is still to be taken.
    return failed.values().next().value ?? null
  }
}

/** What will be refused however often it is offered: our own word, or the database's on the data itself (SQLSTATE 22, 23). */
export function isUnstorable(error: unknown): boolean {
  return error instanceof Reject || /^2[23][0-9A-Z]{3}$/.test(codeOf(error))
}
