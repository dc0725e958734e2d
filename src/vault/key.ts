/**
 * Master key: the one secret that opens all others. It comes from MASTER_KEY, or from a file that is made once in DATA_DIR.
 * It is used only to derive the key-encryption key. Neither key is ever printed, because both live in KeyObjects.
 */
import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { codeOf, Misconfigured } from "../base/errors.ts"
import { makeOnce } from "../base/once-file.ts"

const KEY_BYTES = 32

export interface MasterKeyOptions {
  /** MASTER_KEY: 32 bytes in base64. */
  masterKey?: string
  /** The folder that holds `master.key` when MASTER_KEY is not set. */
  dataDir: string
}

/**
 * Reads MASTER_KEY, or else the key file of the data directory, which is made at first use. Throws `Misconfigured` when the
 * key is malformed, or when the file cannot be read or made. A damaged file is never replaced: it may still be restored.
 */
export function readMasterKey({ masterKey, dataDir }: MasterKeyOptions): KeyObject {
  if (masterKey !== undefined) {
    return parsed(masterKey, "MASTER_KEY is not 32 bytes of base64", "set it to the output of: openssl rand -base64 32")
  }
  const path = join(dataDir, "master.key")
  const text = read(path) ?? create(path)
  return parsed(
    text,
    `${path} does not hold 32 bytes of base64`,
    "restore it from a backup; without it the stored secrets cannot be opened",
  )
}

/** Derives the key that encrypts data keys (HKDF-SHA256, RFC 5869). `version` is the key's generation. */
export function keyEncryptionKey(masterKey: KeyObject, version: number): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync("sha256", masterKey, "vigil", `vigil:vault:kek:v${version}`, KEY_BYTES)))
}

function parsed(text: string, problem: string, fix: string): KeyObject {
  const given = text.trim()
  const bytes = Buffer.from(given, "base64")
  const isExact = bytes.toString("base64").replace(/=+$/, "") === given.replace(/=+$/, "")
  if (bytes.length !== KEY_BYTES || !isExact) throw new Misconfigured(problem, { fix, code: "malformed_master_key" })
  return createSecretKey(bytes)
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null
    throw new Misconfigured(`${path} cannot be read`, { fix: "let this user read it, or set MASTER_KEY", cause: error })
  }
}

function create(path: string): string {
  try {
    return makeOnce(path, `${randomBytes(KEY_BYTES).toString("base64")}\n`)
  } catch (error) {
    throw new Misconfigured(`${path} cannot be made`, {
      fix: "let this user write to DATA_DIR, or set MASTER_KEY",
      cause: error,
    })
  }
}
