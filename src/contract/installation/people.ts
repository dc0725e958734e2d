/** People: how somebody is let in, by a code that they text, or by a link that signs a browser in. */
import { z } from "zod"
import { instant } from "../instant.ts"

export const pairingInput = z.object({
  /** `me`, somebody known, or what to call somebody new. */
  name: z.string().trim().max(80).default(""),
})

/** Works once, until it expires. */
export const pairingAnswer = z.object({
  code: z.string(),
  /** Who the sender of the code will be, in words. */
  person: z.string(),
  expiresAt: instant,
})

/** Works once. `url` is `path` at the address where the owner reaches this server. */
export const linkAnswer = z.object({ path: z.string(), url: z.string(), expiresInMinutes: z.number() })
export type OwnerLink = z.output<typeof linkAnswer>
