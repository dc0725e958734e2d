import { expect, test } from "vitest"
import { isFromGitHub } from "../../../src/channels/github/verify.ts"

/** The example in GitHub's documentation, "Validating webhook deliveries". */
const secret = "It's a Secret to Everybody"
const body = "Hello, World!"
const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

test("the published example passes", async () => {
  expect(await isFromGitHub(secret, signature, body)).toBe(true)
})

test("every change of one bit of the signature or the body fails", async () => {
  const flip = (text: string, bit: number) => {
    const bytes = Buffer.from(text)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return bytes.toString("latin1")
  }
  for (let bit = 0; bit < signature.length * 8; bit += 1)
    expect(await isFromGitHub(secret, flip(signature, bit), body)).toBe(false)
  for (let bit = 0; bit < body.length * 8; bit += 1)
    expect(await isFromGitHub(secret, signature, flip(body, bit))).toBe(false)
})

test("nothing passes without a secret, a signature or a body", async () => {
  expect(await isFromGitHub("", signature, body)).toBe(false)
  expect(await isFromGitHub(secret, undefined, body)).toBe(false)
  expect(await isFromGitHub(secret, "", body)).toBe(false)
  expect(await isFromGitHub(secret, [signature], body)).toBe(false)
  expect(await isFromGitHub(secret, signature, "")).toBe(false)
  expect(await isFromGitHub(secret, signature.slice(0, -1), body)).toBe(false)
})
