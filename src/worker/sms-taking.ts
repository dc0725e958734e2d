/**
 * SMS taking: hands listed messages to the intake, in the order of each conversation. A message that can never be taken is
 * logged and passed over, so that it does not hold up its conversation for ever. It is passed over only after other messages
 * got through, because else the fault may be in Vigil or the database.
 */
import { codeOf, Reject } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Inbound } from "../channels/channel.ts"
import type { Intake } from "../thread/inbox/intake.ts"

/** A message is passed over when it failed in this many listings in which others got through. */
const TRIES = 5

interface Failure {
  id: string
  error: unknown
}

/** Takes one listing. Returns the first failure, after which the next listing must go as far back; null when there was none. */
export type TakeSms = (listed: Inbound[]) => Promise<Failure | null>

export function createSmsTaking({ intake, log }: { intake: Intake; log: Log }): TakeSms {
  const tries = new Map<string, number>()
  const passedOver = new Set<string>()

  function passOver({ id, error }: Failure): void {
    passedOver.add(id)
    tries.delete(id)
    log.error("sms_passed_over", { message: id, code: codeOf(error), error })
  }

  /** The failure that another try may mend; null when the message was taken or is passed over. */
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

  return async (listed) => {
    /** By thread: the messages behind a failed one wait, or they would overtake it. */
    const failed = new Map<string, Failure>()
    let taken = 0
    for (const message of listed) {
      const { externalId, threadKey } = message
      if (passedOver.has(externalId) || failed.has(threadKey)) continue
      const failure = await takeOne(message)
      if (failure) failed.set(threadKey, failure)
      else taken += 1
    }
    // Where no message gets through, the fault is not in one message.
    if (taken > 0) failed.forEach(count)
    // Also when a message was just passed over: the messages behind it are still to be taken.
    return failed.values().next().value ?? null
  }
}

/** Whether every repetition will fail too: `Reject`, or the database refuses the data itself (SQLSTATE classes 22 and 23). */
export function isUnstorable(error: unknown): boolean {
  return error instanceof Reject || /^2[23][0-9A-Z]{3}$/.test(codeOf(error))
}
