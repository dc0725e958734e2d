#!/usr/bin/env node
/** The `vigil` command of a clone: hands `vigil.ts` to the preflight, which finds the Node that can run it. */
import { fileURLToPath } from "node:url"

process.argv.splice(2, 0, fileURLToPath(new URL("vigil.ts", import.meta.url)))
await import("../preflight.js")
