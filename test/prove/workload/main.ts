/** The workload's process: `fork`ed with its options as JSON; does what its parent says and ends with it. */
import { z } from "zod"
import { createWorkload, workloadOptions } from "./workload.ts"

const order = z.discriminatedUnion("do", [
  z.object({ id: z.number(), do: z.literal("targets"), targets: z.array(z.string()) }),
  z.object({ id: z.number(), do: z.literal("write"), count: z.number() }),
  z.object({ id: z.number(), do: z.literal("status") }),
  z.object({ id: z.number(), do: z.literal("calm") }),
  z.object({ id: z.number(), do: z.literal("stop") }),
])
type Order = z.infer<typeof order>

const workload = await createWorkload(workloadOptions.parse(JSON.parse(process.argv[2] ?? "{}")))

async function obey(given: Order): Promise<void> {
  if (given.do === "targets") workload.setTargets(given.targets)
  else if (given.do === "write") workload.write(given.count)
  else if (given.do === "calm") workload.calm()
  else if (given.do === "stop") await workload.stop()
}

process.on("message", (message) => {
  const given = order.parse(message)
  obey(given).then(
    () => process.send?.({ id: given.id, status: workload.status() }),
    (error: unknown) => process.send?.({ id: given.id, error: String(error) }),
  )
})
process.on("disconnect", () => process.exit(0))
process.send?.({ id: 0, env: workload.env })
