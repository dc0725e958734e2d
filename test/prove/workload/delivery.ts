/**
 * Delivery: delivers what people write as webhooks are delivered: each again and again until some process says yes,
 * some twice, and some before the one that was written first.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Post } from "./conversations.ts"
import type { Ledger } from "./ledger.ts"

export interface Delivery {
  /** Resolves when it was taken. */
  deliver(lane: string, tag: string, post: Post): Promise<void>
  /** Addresses of the processes that may be up. */
  targets: string[]
  /** Written, and not acknowledged so far. */
  waiting(): number
  /** No repetitions from now on. */
  calm(): void
  stop(): Promise<void>
}

const AGAIN_MS = 100
const REPEAT_WITHIN_MS = 3000

/** @param odds shares of deliveries that are repeated after their success, and that do not wait for the one before. */
export function createDelivery(
  ledger: Ledger,
  random: () => number,
  odds: { repeated: number; overtaking: number },
): Delivery {
  const lanes = new Map<string, Promise<void>>()
  const stopped = new AbortController()
  const repeats = new Set<Promise<void>>()
  let waiting = 0
  let isCalm = false

  const tryOnce = async (post: Post): Promise<boolean> => {
    const target = delivery.targets[Math.floor(random() * delivery.targets.length)]
    const response = target === undefined ? null : await post(target).catch(() => null)
    return response?.ok ?? false
  }

  async function untilTaken(lane: string, tag: string, post: Post): Promise<void> {
    const sentAt = Date.now()
    while (!(await tryOnce(post))) {
      if (stopped.signal.aborted) return
      await sleep(AGAIN_MS)
    }
    waiting--
    ledger.write({ kind: "acknowledged", lane, tag, sentAt, at: Date.now() })
    if (isCalm || random() >= odds.repeated) return
    const repeat = sleep(random() * REPEAT_WITHIN_MS)
      .then(() => tryOnce(post))
      .then(() => ledger.write({ kind: "repeated", tag, at: Date.now() }))
      .finally(() => void repeats.delete(repeat))
    repeats.add(repeat)
  }

  const delivery: Delivery = {
    targets: [],
    waiting: () => waiting,
    deliver(lane, tag, post) {
      waiting++
      const before = lanes.get(lane) ?? Promise.resolve()
      const mine =
        random() < odds.overtaking ? untilTaken(lane, tag, post) : before.then(() => untilTaken(lane, tag, post))
      lanes.set(
        lane,
        Promise.all([before, mine]).then(() => {}),
      )
      return mine
    },
    calm() {
      isCalm = true
    },
    async stop() {
      stopped.abort()
      await Promise.all([...lanes.values(), ...repeats])
    },
  }
  return delivery
}
