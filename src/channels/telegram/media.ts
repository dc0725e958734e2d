/**
 * Telegram's files: asked for by id, then downloaded. The address of a file holds the bot's token, so it is made here, used
 * here, and in no error that leaves; a file comes from the API's own host or not at all.
 */

import { createBoundedFetch } from "../../base/bounded-fetch.ts"
import { Reject, Retry } from "../../base/errors.ts"
import { readMedia, tooLarge } from "../media.ts"
import type { CallTelegram, TelegramSettings } from "./api.ts"

const API = "https://api.telegram.org"
/** What bots may download (Bot API, `getFile`). */
const MOST_BYTES = 20_000_000
const TIMEOUT_MS = 60_000

/** The bytes of `fileId`. Throws `Retry` when they can be had later, `Reject` when never. */
export async function fetchTelegramFile(
  deps: { call: CallTelegram; settings: TelegramSettings },
  fileId: string,
  { maxBytes, signal }: { maxBytes: number; signal: AbortSignal },
): Promise<Uint8Array> {
  const { call, settings } = deps
  const most = Math.min(maxBytes, MOST_BYTES)
  const file = await call((api, stop) => api.getFile(fileId, stop), signal)
  if ((file.file_size ?? 0) > most) throw tooLarge(most)
  const path = file.file_path ?? ""
  if (!/^\w[\w-]*(?:[/.][\w-]+)*$/.test(path)) throw new Reject(400, "Telegram named no file to fetch")
  const bounded = createBoundedFetch({ timeoutMs: TIMEOUT_MS, maxBytes: most })
  const root = (settings.apiRoot ?? API).replace(/\/+$/, "")
  const response = await readMedia(most, () =>
    bounded(`${root}/file/bot${settings.token}/${path}`, { signal, redirect: "error" }),
  )
  if (response.ok) return new Uint8Array(await response.arrayBuffer())
  const said = `Telegram answered ${response.status} for the file`
  throw response.status === 429 || response.status >= 500 ? new Retry(said) : new Reject(response.status, said)
}
