/**
 * Verdict: the one place that says whether a tool call may happen. Pure and deny by default: what no rule allows is
 * denied, and nothing a text says can change a rule.
 */
import { isDeepStrictEqual } from "node:util"
import { type Label, trusts } from "../base/label.ts"

/** What an automation or a thread was given by its maker: a tool, and the argument values it is limited to. */
export interface Grant {
  tool: string
  /** Arguments that must be exactly these; others are free. */
  where?: Record<string, unknown>
}

export interface VerdictInput {
  tool: { name: string; effect: "read" | "write" | "send"; needs: Label["integrity"]; ownerOnly: boolean }
  args: Record<string, unknown>
  /** Of everything in the run's context. */
  label: Label
  /** For whom the run works. */
  role: "owner" | "member"
  /** Null for a person's own conversation, whose grant is their role; a list for what runs by itself. */
  grants: Grant[] | null
  /** Why the tool itself wants a person's word for this call. */
  asks: string | null
}

export interface Verdict {
  decision: "allow" | "ask" | "deny"
  /** The rule that decided, in words for the trace. */
  reason: string
}

export function verdict(asked: VerdictInput): Verdict {
  const { tool, args, label, role, grants, asks } = asked
  if (tool.ownerOnly && role !== "owner") return { decision: "deny", reason: `${tool.name} is for the owner` }
  if (grants !== null && !grants.some((grant) => covers(grant, tool.name, args))) {
    return { decision: "deny", reason: `no grant for ${tool.name} with these arguments` }
  }
  if (!trusts(label.integrity, tool.needs)) {
    if (tool.effect === "read")
      return { decision: "deny", reason: `content is ${label.integrity}, ${tool.name} needs ${tool.needs}` }
    return { decision: "ask", reason: `content is ${label.integrity}, ${tool.name} needs ${tool.needs}` }
  }
  if (label.integrity === "untrusted" && label.confidentiality !== "public" && tool.effect === "send") {
    return { decision: "ask", reason: "untrusted content together with private data would reach the outside" }
  }
  if (asks !== null) return { decision: "ask", reason: asks }
  return { decision: "allow", reason: grants === null ? `the ${role} asked` : "granted" }
}

function covers(grant: Grant, tool: string, args: Record<string, unknown>): boolean {
  if (grant.tool !== tool) return false
  return Object.entries(grant.where ?? {}).every(([name, value]) => isDeepStrictEqual(args[name], value))
}
