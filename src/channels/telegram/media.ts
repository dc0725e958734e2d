/**
 * Telegram files: asks for a file by its id, then downloads it. The address of a file holds the bot's token, so it never
 * leaves this file, also not in an error. A file is downloaded from the API's own host or not at all.
 */
import { createBoundedFetch } from "../../base/bounded-fetch.ts"
import { Reject, Retry } from "../../base/errors.ts"
import { readMedia, tooLarge } from "../media.ts"
import type { CallTelegram, TelegramSettings } from "./api.ts"

const API = "https://api.telegram.org"
/** Largest file that a bot may download (Bot API, `getFile`). */
const MOST_BYTES = 20_000_000
const TIMEOUT_MS = 60_000

/** Downloads the file `fileId`. Throws `Retry` when a later try may succeed, else `Reject`. */
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
  const problem = `Telegram answered ${response.status} for the file`
  throw response.status === 429 || response.status >= 500 ? new Retry(problem) : new Reject(response.status, problem)
}
