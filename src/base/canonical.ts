/** Canonical JSON (RFC 8785): equal values have one text and one SHA-256, whatever the order of their keys. */
import { createHash } from "node:crypto"
import canonicalize from "canonicalize"

/** The canonical text of a value; `null` for a value that JSON cannot hold. */
export function canonical(value: unknown): string {
  return canonicalize(value) ?? "null"
}

/** SHA-256 of the UTF-8 bytes of a text, in hex. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
