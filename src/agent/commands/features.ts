/** The commands over what the agent keeps: automations, memories, the digest. */
import type { Memory } from "../../memory/memory.ts"
import { personScope } from "../../memory/scope.ts"
import type { Automations } from "../../schedule/automations/automations.ts"
import { localTime } from "../../schedule/recurrence/zone.ts"
import type { RunContext } from "../durable/run-context.ts"
import type { ChatCommand } from "./commands.ts"

export interface FeatureCommandDeps {
  memory: Memory
  automations: Automations
  /** The digest of today so far, as it would be texted. */
  digest: (context: RunContext) => Promise<string>
}

const LISTED = 10

export function featureCommands({ memory, automations, digest }: FeatureCommandDeps): ChatCommand[] {
  return [
    {
      name: "automations",
      help: "what I do by myself, and when",
      async run({ person, zone }) {
        const list = await automations.list(person.role === "owner" ? undefined : person.id)
        if (list.length === 0) return "Nothing is scheduled."
        return list
          .map((a) => `${a.id}: ${a.title}, ${a.sentence}${a.nextAt ? `; next ${localTime(a.nextAt, zone)}` : ""}`)
          .join("\n")
      },
    },
    {
      name: "memory",
      usage: "[words]",
      help: "what I remember, newest first, or about something",
      async run({ person, zone }, words) {
        const scopes = [personScope(person.id)]
        const found = words
          ? await memory.recall({ scopes, text: words, limit: LISTED })
          : await memory.list(scopes, { limit: LISTED })
        if (found.length === 0)
          return words
            ? `I remember nothing about "${words}".`
            : "I remember nothing yet. Tell me with: remember that ..."
        return found.map((m) => `${m.id}: ${m.text} (${localTime(m.recordedAt, zone)})`).join("\n")
      },
    },
    {
      name: "forget",
      usage: "<number>",
      help: "forget a memory",
      async run(context, words) {
        const ids = words
          .split(/[\s,#]+/)
          .filter(Boolean)
          .map(Number)
        if (ids.length === 0 || !ids.every(Number.isSafeInteger))
          return "Say which, by number: /forget 12 (see /memory)"
        const result = await context.actWith(null)("forget", { ids })
        return result.ok ? `Forgotten: ${ids.join(", ")}.` : `Not forgotten: ${result.message}`
      },
    },
    { name: "digest", help: "today's issues so far", ownerOnly: true, run: digest },
  ]
}
