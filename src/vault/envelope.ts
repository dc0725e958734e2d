/**
 * Envelope: encrypts one value with a data key of its own, and the data key with the key-encryption key (both AES-256-GCM).
 * A row that was edited never opens, because the secret's name, version and bindings are authenticated with the value.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto"
import { canonical } from "../base/canonical.ts"

const CIPHER = "aes-256-gcm"
/** 96 random bits (NIST SP 800-38D). They cannot repeat under a data key, because a data key seals one value only. */
const IV_BYTES = 12
const TAG_BYTES = 16

export interface Binding {
  name: string
  version: number
  /** In lower case, sorted: the order is part of what is authenticated. */
  hosts: string[]
  tools: string[]
}

export interface Sealed {
  wrappedKey: Uint8Array
  ciphertext: Uint8Array
}

/** Why a row did not open: it was sealed with another master key, or it was edited afterwards. */
export type OpenFailure = "other_key" | "altered"

/** Encrypts `value` under a new data key, bound to `binding`. */
export function seal(kek: KeyObject, binding: Binding, value: string): Sealed {
  const dataKey = randomBytes(32)
  try {
    return {
      wrappedKey: encrypt(kek, keyText(binding), dataKey),
      ciphertext: encrypt(dataKey, valueText(binding), Buffer.from(value, "utf8")),
    }
  } finally {
    dataKey.fill(0)
  }
}

/** Decrypts what `seal` made. Never throws for a row that does not open: the failure says why. */
export function open(kek: KeyObject, binding: Binding, sealed: Sealed): { value: string } | { failure: OpenFailure } {
  const dataKey = decrypt(kek, keyText(binding), sealed.wrappedKey)
  if (!dataKey) return { failure: "other_key" }
  const value = decrypt(dataKey, valueText(binding), sealed.ciphertext)
  dataKey.fill(0)
  return value ? { value: value.toString("utf8") } : { failure: "altered" }
}

/** Authenticated with the data key: name and version only. So a wrong master key and an edited row can be told apart. */
function keyText({ name, version }: Binding): string {
  return canonical([name, version])
}

/** Authenticated with the value: the name, the version and all bindings. */
function valueText({ name, version, hosts, tools }: Binding): string {
  return canonical([name, version, hosts, tools])
}

/** Returns `iv || tag || ciphertext`. */
function encrypt(key: KeyObject | Buffer, authenticated: string, plain: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(authenticated, "utf8"))
  const text = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), text])
}

function decrypt(key: KeyObject | Buffer, authenticated: string, sealed: Uint8Array): Buffer | null {
  const bytes = Buffer.from(sealed)
  if (bytes.length < IV_BYTES + TAG_BYTES) return null
  const cipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(authenticated, "utf8"))
  cipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  try {
    return Buffer.concat([cipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), cipher.final()])
  } catch {
    // GCM says only that the tag does not fit, never why.
    return null
  }
}
