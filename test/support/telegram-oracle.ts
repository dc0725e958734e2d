/**
 * The Bot API as a judge of what we ask: the methods and their parameters as grammY's own declarations list them. Telegram
 * publishes no description that a machine can read; these declarations are made from its pages, and come with our client.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { ReceivedRequest } from "./stand-in.ts"

export interface TelegramOracle {
  /** What is wrong with a call; empty when nothing is. Downloads of files are no calls. */
  faults(asked: ReceivedRequest): string[]
}

interface Parameter {
  isNeeded: boolean
  /** As declared: `number | string`. */
  type: string
}

const DECLARATIONS = join(import.meta.dirname, "..", "..", "node_modules", "@grammyjs", "types", "methods.d.ts")

export function openTelegramOracle(): TelegramOracle {
  const methods = readMethods(readFileSync(DECLARATIONS, "utf8"))
  return {
    faults({ url, body, method }) {
      const name = /^\/bot[^/]+\/(\w+)$/.exec(decodeURIComponent(url.pathname))?.[1]
      if (name === undefined) return url.pathname.startsWith("/file/") ? [] : [`${url.pathname} is no method`]
      const known = methods.get(name)
      if (known === undefined) return [`${name} is no method`]
      const given: Record<string, unknown> = body === "" ? {} : JSON.parse(body)
      const missing = [...known].filter(([key, { isNeeded }]) => isNeeded && given[key] === undefined)
      return [
        ...(method === "POST" || method === "GET" ? [] : [`${name} is not called by ${method}`]),
        ...missing.map(([key]) => `${name} needs ${key}`),
        ...Object.entries(given).flatMap(([key, value]) =>
          wrong(known.get(key), value).map((why) => `${name}: ${key} ${why}`),
        ),
      ]
    },
  }
}

function wrong(parameter: Parameter | undefined, value: unknown): string[] {
  if (parameter === undefined) return ["is no parameter"]
  const simple = parameter.type.split(" | ")
  const isSimple = simple.every((type) => ["string", "number", "boolean", "true"].includes(type))
  const isList = /^(?:Readonly)?Array</.test(parameter.type) || parameter.type.endsWith("[]")
  if (isList) return Array.isArray(value) ? [] : ["must be a list"]
  if (!isSimple || simple.includes(typeof value) || (simple.includes("true") && value === true)) return []
  return [`must be ${parameter.type}`]
}

/** Methods are declared four spaces in, their parameters eight. */
function readMethods(source: string): Map<string, Map<string, Parameter>> {
  const methods = new Map<string, Map<string, Parameter>>()
  let current = new Map<string, Parameter>()
  for (const line of source.split("\n")) {
    const method = /^ {4}(\w+)\(/.exec(line)?.[1]
    if (method !== undefined) {
      current = new Map()
      methods.set(method, current)
    }
    const [, name, optional, type] = /^ {8}(\w+)(\??): (.+?);?$/.exec(line) ?? []
    if (name !== undefined && type !== undefined) current.set(name, { isNeeded: optional === "", type })
  }
  return methods
}
