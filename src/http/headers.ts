/** Headers on every answer: what a browser may do with our pages, and that nothing of them is kept. */
import type { FastifyInstance } from "fastify"

/** No inline script or style, nothing from elsewhere, no frame. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** For a page whose form goes to `origin` as well. */
export function policyWithForms(origin: string): string {
  return POLICY.replace("form-action 'self'", `form-action 'self' ${origin}`)
}

export function installHeaders(app: FastifyInstance, publicUrl: string | undefined, closing: AbortSignal): void {
  const isSecure = publicUrl?.startsWith("https://") ?? false
  app.addHook("onSend", async (_request, reply) => {
    reply.headers({
      "content-security-policy": reply.getHeader("content-security-policy") ?? POLICY,
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      // Not `no-referrer`: with it a browser sends `Origin: null` for our own forms.
      "referrer-policy": "same-origin",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "permissions-policy": "camera=(), geolocation=(), microphone=()",
      "x-robots-tag": "noindex",
      ...(isSecure ? { "strict-transport-security": "max-age=31536000" } : {}),
    })
    // A connection kept open after its last answer would hold the close until it idles out.
    if (closing.aborted) reply.header("connection", "close")
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store")
  })
}
