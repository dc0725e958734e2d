/**
 * Media: downloads what people send. An error says only what the person may read, and never an address, because an address
 * may hold a credential.
 */
import { networkFailure } from "../base/bounded-fetch.ts"
import { Reject, Retry, Uncertain } from "../base/errors.ts"

export interface MediaLimits {
  /** Bytes. */
  maxBytes: number
  signal: AbortSignal
}

export function tooLarge(maxBytes: number): Reject {
  return new Reject(413, `it is larger than the ${Math.round(maxBytes / 1_000_000)} MB I can take`, {
    code: "too_large",
  })
}

/**
 * Runs a download. Throws `Retry` when the answer was lost, because a download changes nothing, and `Reject` (413) when the
 * answer was larger than `maxBytes`. The errors carry no `cause`, because causes name addresses.
 */
export async function readMedia(maxBytes: number, get: () => Promise<Response>): Promise<Response> {
  try {
    return await get()
  } catch (error) {
    if (error instanceof Uncertain && error.code === "answer_too_large") throw tooLarge(maxBytes)
    const known = networkFailure(error)
    throw new Retry(known === null ? "the file could not be fetched" : known.message, { code: "media_away" })
  }
}
