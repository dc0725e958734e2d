/** Health: whether work that is sent here would be done, and every reason why not. */
import { z } from "zod"

export const readinessAnswer = z.object({ ready: z.boolean(), reasons: z.array(z.string()) })
export type Readiness = z.output<typeof readinessAnswer>
