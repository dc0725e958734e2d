/**
 * GitHub verifier: checks GitHub's proof of origin, HMAC-SHA256 over the raw body (webhook documentation, "Validating webhook
 * deliveries"). Without a secret nothing is accepted.
 */
import { verify } from "@octokit/webhooks-methods"

export const GITHUB_SIGNATURE_HEADER = "x-hub-signature-256"

/** Whether `signature` signs `body` with `secret`. Without a secret, a signature or a body the answer is no. */
export async function isFromGitHub(
  secret: string,
  signature: string | string[] | undefined,
  body: string,
): Promise<boolean> {
  if (secret === "" || body === "" || typeof signature !== "string" || signature === "") return false
  return await verify(secret, body, signature)
}
