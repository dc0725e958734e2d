/**
 * MMS media: downloads pictures and sounds of text messages. Credentials go to Twilio's API alone, and only for media of our
 * own account. The storage to which Twilio redirects is asked without credentials, and only under names that Twilio uses. No
 * other host is ever contacted, because the address of a file comes from outside.
 */
import { createBoundedFetch } from "../../base/bounded-fetch.ts"
import { Deny, Reject, Retry } from "../../base/errors.ts"
import { type MediaLimits, readMedia } from "../media.ts"
import type { SmsSettings, TwilioCalls } from "./client.ts"

/** Files in one message that carriers deliver and Twilio keeps (Twilio, "Accepted content types for media"). */
export const MOST_ITEMS = 10
const MOST_BYTES = 5 * 1024 * 1024
const TIMEOUT_MS = 30_000
const API_HOST = "api.twilio.com"
const LISTED = /^[A-Z]{2}[0-9a-f]{32}\/\d$/i
/** The places where Twilio keeps media: its own network, and a path of its storage bucket. */
const STORES: readonly RegExp[] = [
  /^https:\/\/(?:[a-z0-9-]+\.)*twiliocdn\.com\//,
  /^https:\/\/s3-external-1\.amazonaws\.com\/media\.twiliocdn\.com\//,
]

/**
 * The path of a media resource of this account; null for any other `address`. A signed form does not make the address true,
 * so it is checked all the same.
 */
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
 * The bytes of a file. `given` is a `mediaRef`, or `<message sid>/<index>` of a message that was listed. Throws `Retry` when
 * a later try may succeed, else `Reject` or `Deny`.
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
  const last = isRedirect(first) ? await get(storeOf(first), {}) : first
  if (last.ok) return new Uint8Array(await last.arrayBuffer())
  if (isRedirect(last)) throw new Deny("Twilio's storage sent us on once more")
  const problem = `Twilio answered ${last.status} for the file`
  throw last.status === 429 || last.status >= 500 ? new Retry(problem) : new Reject(last.status, problem)
}

async function listedRef(calls: TwilioCalls, given: string, signal: AbortSignal): Promise<string> {
  const [sid = "", index] = given.split("/")
  const items = await calls.read((client) => client.messages(sid).media.list({ limit: MOST_ITEMS }), signal)
  return items[Number(index)]?.uri.replace(/\.json$/, "") ?? ""
}

const isRedirect = ({ status }: Response): boolean => [301, 302, 303, 307, 308].includes(status)

/** The address of the storage to which Twilio redirects. Throws `Deny` for an address that is not Twilio's. */
function storeOf(response: Response): string {
  const url = URL.parse(response.headers.get("location") ?? "", `https://${API_HOST}`)
  const isKnown = url !== null && url.username === "" && url.port === "" && STORES.some((store) => store.test(url.href))
  if (isKnown) return url.href
  throw new Deny("Twilio pointed to a place that is not its own")
}

/** `url` with `apiBase` in the place of Twilio's host, as in all other calls. */
function placed(url: string, { apiBase }: SmsSettings): string {
  if (apiBase === undefined) return url
  const { pathname, search } = new URL(url)
  return `${apiBase.replace(/\/+$/, "")}${pathname}${search}`
}

function basicAuth({ accountSid, authToken }: SmsSettings): string {
  return `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`
}
