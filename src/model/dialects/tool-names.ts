/**
 * Tool names: Vigil's names of its tools, and the names on the wire (`^[a-zA-Z0-9_-]{1,64}$`, which every provider
 * accepts). Within one request the mapping is one to one. A name that the model made up comes back unchanged, so that
 * the loop can answer that this tool does not exist.
 */
import { createHash } from "node:crypto"

export interface ToolNames {
  toWire(name: string): string
  toOurs(wire: string): string
}

export function createToolNames(names: Iterable<string>): ToolNames {
  const wires = new Map<string, string>()
  const ours = new Map<string, string>()
  for (const name of names) {
    if (wires.has(name)) continue
    const wire = ours.has(clean(name)) ? distinct(name) : clean(name)
    wires.set(name, wire)
    ours.set(wire, name)
  }
  return {
    toWire: (name) => wires.get(name) ?? clean(name),
    toOurs: (wire) => ours.get(wire) ?? wire,
  }
}

function clean(name: string): string {
  if (/^[a-zA-Z0-9_-]{1,64}$/.test(name)) return name
  return name.length > 64 || name === "" ? distinct(name) : name.replace(/[^a-zA-Z0-9_-]/g, "_")
}

/** Ends with a hash of the whole name, so that two long or similar names never become the same wire name. */
function distinct(name: string): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8)
  return `${name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 55)}_${hash}`
}
