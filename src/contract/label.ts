/** Label: where a content came from and who may see it, as the API shows it. The words are those of `base/label.ts`. */
import { z } from "zod"
import { CONFIDENTIALITY, INTEGRITY } from "../base/label.ts"

export const labelSchema = z.object({ integrity: z.enum(INTEGRITY), confidentiality: z.enum(CONFIDENTIALITY) })
