/** Trouble: what goes wrong on the way to a third party, by chance and again and again until it is called off. */
import type { Answer, ReceivedRequest, StandIn } from "../../support/stand-in.ts"

export interface Odds {
  /** Share of requests whose answer is lost after everything happened. */
  lost: number
  /** Share that is refused with 500 before anything happened. */
  refused: number
  /** Share that takes up to half a second longer. */
  slow: number
}

const SLOWEST_MS = 500

/** @returns the function that ends it. @param refusal how this party says 500. */
export function injectFaults(
  party: Pick<StandIn, "trouble">,
  refusal: Answer,
  { odds, random, concerns }: { odds: Odds; random: () => number; concerns: (asked: ReceivedRequest) => boolean },
): () => void {
  let isOver = false
  /** Each trouble is for one request: as it is used up, the next is made. */
  const arm = (share: number, make: (begin: Promise<void>) => Parameters<StandIn["trouble"]>[0]) => {
    const begun = Promise.withResolvers<void>()
    party.trouble(make(begun.promise), (asked) => {
      if (isOver || !concerns(asked) || random() >= share) return false
      setTimeout(begun.resolve, random() * SLOWEST_MS)
      arm(share, make)
      return true
    })
  }
  arm(odds.lost, () => ({ lose: true }))
  arm(odds.refused, () => refusal)
  arm(odds.slow, (hold) => ({ hold }))
  return () => {
    isOver = true
  }
}
