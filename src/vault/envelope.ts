/**
 * Envelope: a value sealed with its own data key, which is sealed with the key-encryption key (AES-256-GCM both). The
 * secret's name, version and bindings are authenticated with it, so a row that was edited does not open.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto"
import { canonical } from "../base/canonical.ts"

const CIPHER = "aes-256-gcm"
/** NIST SP 800-38D: 96 bits, random; a data key seals one value only. */
const IV_BYTES = 12
const TAG_BYTES = 16

export interface Binding {
  name: string
  version: number
  /** Lower-case, sorted. */
  hosts: string[]
  tools: string[]
}

export interface Sealed {
  wrappedKey: Uint8Array
  ciphertext: Uint8Array
}

/** Why a row did not open: another master key sealed it, or it is not what was sealed. */
export type OpenFailure = "other_key" | "altered"

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

export function open(kek: KeyObject, binding: Binding, sealed: Sealed): { value: string } | { failure: OpenFailure } {
  const dataKey = decrypt(kek, keyText(binding), sealed.wrappedKey)
  if (!dataKey) return { failure: "other_key" }
  const value = decrypt(dataKey, valueText(binding), sealed.ciphertext)
  dataKey.fill(0)
  return value ? { value: value.toString("utf8") } : { failure: "altered" }
}

/** The data key is bound to its secret, but not to the bindings: so a wrong key and an edited row can be told apart. */
function keyText({ name, version }: Binding): string {
  return canonical([name, version])
}

function valueText({ name, version, hosts, tools }: Binding): string {
  return canonical([name, version, hosts, tools])
}

/** `iv || tag || ciphertext` */
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
    // The tag does not fit, which is all that GCM says.
    return null
  }
}
