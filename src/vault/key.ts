/**
 * Key: the one secret that opens the others. It comes from MASTER_KEY, or from a file made once in DATA_DIR; it is used only
 * to derive the key-encryption key, and neither is ever printed: both live in KeyObjects.
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
  /** Where `master.key` is kept when MASTER_KEY is not set. */
  dataDir: string
}

/** The key that is set, or the one of this data directory, made at first use. Throws `Misconfigured` when it is malformed. */
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

/** The key that wraps data keys (HKDF-SHA256, RFC 5869). `version` names its generation. */
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
