/**
 * MMS pictures and sounds. Only the account's own media at Twilio's API is asked for, with credentials; the storage that it
 * points to is asked without them, and only under names that Twilio uses. No other host is ever contacted.
 */

import { createBoundedFetch } from "../../base/bounded-fetch.ts"
import { Deny, Reject, Retry } from "../../base/errors.ts"
import { type MediaLimits, readMedia } from "../media.ts"
import type { SmsSettings, TwilioCalls } from "./client.ts"

/** What carriers deliver, and Twilio keeps, of one message (Twilio, "Accepted content types for media"). */
export const MOST_ITEMS = 10
const MOST_BYTES = 5 * 1024 * 1024
const TIMEOUT_MS = 30_000
const API_HOST = "api.twilio.com"
const LISTED = /^[A-Z]{2}[0-9a-f]{32}\/\d$/i
/** Where Twilio keeps media: its own network, and its bucket by path. */
const STORES: readonly RegExp[] = [
  /^https:\/\/(?:[a-z0-9-]+\.)*twiliocdn\.com\//,
  /^https:\/\/s3-external-1\.amazonaws\.com\/media\.twiliocdn\.com\//,
]

/** The path of a media resource of this account, or null: `address` came with a signed form, and is still only a claim. */
export function mediaRef(address: string, accountSid: string): string | null {
  const url = URL.parse(address)
  if (url?.protocol !== "https:" || url.host !== API_HOST || url.username !== "" || url.search !== "") return null
  return isOurs(url.pathname, accountSid) ? url.pathname : null
}

function isOurs(path: string, accountSid: string): boolean {
  return new RegExp(
    `^/2010-04-01/Accounts/${accountSid}/Messages/[A-Z]{2}[0-9a-f]{32}/Media/ME[0-9a-f]{32}$`,
    "i",
  ).test(path)
}

/**
 * The bytes behind a `mediaRef`, or `<message sid>/<place>` of a message that was listed. Throws `Retry` when they can be
 * had later, `Reject` or `Deny` when never.
 */
export async function fetchTwilioMedia(
  { calls, settings }: { calls: TwilioCalls; settings: SmsSettings },
  given: string,
  limits: MediaLimits,
): Promise<Uint8Array> {
  const ref = LISTED.test(given) ? await listedRef(calls, given, limits.signal) : given
  if (!isOurs(ref, settings.accountSid)) throw new Deny("it is no media of this Twilio account")
  const most = Math.min(limits.maxBytes, MOST_BYTES)
  const bounded = createBoundedFetch({ timeoutMs: TIMEOUT_MS, maxBytes: most })
  const get = (url: string, headers: Record<string, string>) =>
    readMedia(most, () => bounded(placed(url, settings), { headers, signal: limits.signal, redirect: "manual" }))
  const first = await get(`https://${API_HOST}${ref}`, { authorization: basicAuth(settings) })
  const found = isRedirect(first) ? await get(storeOf(first), {}) : first
  if (found.ok) return new Uint8Array(await found.arrayBuffer())
  if (isRedirect(found)) throw new Deny("Twilio's storage sent us on once more")
  const said = `Twilio answered ${found.status} for the file`
  throw found.status === 429 || found.status >= 500 ? new Retry(said) : new Reject(found.status, said)
}

async function listedRef(calls: TwilioCalls, given: string, signal: AbortSignal): Promise<string> {
  const [sid = "", place] = given.split("/")
  const items = await calls.read((client) => client.messages(sid).media.list({ limit: MOST_ITEMS }), signal)
  return items[Number(place)]?.uri.replace(/\.json$/, "") ?? ""
}

const isRedirect = ({ status }: Response): boolean => [301, 302, 303, 307, 308].includes(status)

/** Where the media is kept; throws `Deny` for any place that is not Twilio's. */
function storeOf(response: Response): string {
  const url = URL.parse(response.headers.get("location") ?? "", `https://${API_HOST}`)
  const isKnown = url !== null && url.username === "" && url.port === "" && STORES.some((store) => store.test(url.href))
  if (isKnown) return url.href
  throw new Deny("Twilio pointed to a place that is not its own")
}

/** Stands in for every Twilio host, as for all other calls. */
function placed(url: string, { apiBase }: SmsSettings): string {
  if (apiBase === undefined) return url
  const { pathname, search } = new URL(url)
  return `${apiBase.replace(/\/+$/, "")}${pathname}${search}`
}

function basicAuth({ accountSid, authToken }: SmsSettings): string {
  return `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`
}
