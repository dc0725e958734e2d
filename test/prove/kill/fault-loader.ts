/** Fault loader: `node --import` this, and the product that is loaded has the fault that PROVE_FAULT names; PROVE_MARK notes the files. */
import { appendFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { z } from "zod"
import { FAULTS, withFault } from "./faults.ts"

const env = z.object({ PROVE_FAULT: z.enum(["fence", "intent", "acknowledge"]), PROVE_MARK: z.string() })
const { PROVE_FAULT, PROVE_MARK } = env.parse(process.env)
const changes = FAULTS[PROVE_FAULT]

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    const file = changes.find((change) => url.endsWith(`/src/${change.file}`))?.file
    if (file === undefined) return loaded
    if (!loaded.source) throw new Error(`src/${file} was loaded without its source`)
    const bytes = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source)
    const source = withFault(changes, file, bytes)
    appendFileSync(PROVE_MARK, `${file}\n`)
    return { ...loaded, source }
  },
})
