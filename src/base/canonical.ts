/** Canonical JSON (RFC 8785), so that the same value has one text and one SHA-256, whoever wrote it. */
import { createHash } from "node:crypto"
import canonicalize from "canonicalize"

export function canonical(value: unknown): string {
  return canonicalize(value) ?? "null"
}

/** Hex SHA-256 of a text. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
