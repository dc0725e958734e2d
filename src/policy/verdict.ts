/**
 * Verdict: the one place that decides whether a tool call may happen.
 *
 * P1 The verdict depends on its input alone, so nothing that a text says can change a rule.
 * P2 A member never gets an owner's tool, and nobody is asked for it.
 * P3 What runs by itself may do only what one of its grants covers, with exactly the arguments that the grant names.
 * P4 Content that a tool does not trust never leads to a call by itself: a read is denied, a write or a send is asked about.
 * P5 Untrusted content together with private data never reaches the outside without a person's yes.
 * P6 A tool that wants a person's yes for a call gets it before the call.
 * P7 The verdict never becomes easier when less trusted or more secret content is added.
 */
import { isDeepStrictEqual } from "node:util"
import { type Label, trusts } from "../base/label.ts"

/** Leave for a tool, given by the maker of an automation or a thread, with the argument values to which it is limited. */
export interface Grant {
  tool: string
  /** Arguments that must have exactly these values. All others are free. */
  where?: Record<string, unknown>
}

export interface VerdictInput {
  tool: { name: string; effect: "read" | "write" | "send"; needs: Label["integrity"]; ownerOnly: boolean }
  args: Record<string, unknown>
  /** The mixed label of everything in the run's context. */
  label: Label
  /** The person for whom the run works. */
  role: "owner" | "member"
  /** A list for what runs by itself; null in a person's own conversation, where the role is the grant. */
  grants: Grant[] | null
  /** Why the tool itself wants a person's yes for this call; null when it does not. */
  asks: string | null
}

export interface Verdict {
  decision: "allow" | "ask" | "deny"
  /** The rule that decided, in words for the trace. */
  reason: string
}

/** Judges one tool call. The rules stand in the order in which they win: no approval can lift a denial. */
export function verdict(input: VerdictInput): Verdict {
  const { tool, args, label, role, grants, asks } = input
  // P2
  if (tool.ownerOnly && role !== "owner") return { decision: "deny", reason: `${tool.name} is for the owner` }
  // P3
  if (grants !== null && !grants.some((grant) => covers(grant, tool.name, args))) {
    return { decision: "deny", reason: `no grant for ${tool.name} with these arguments` }
  }
  // P4
  if (!trusts(label.integrity, tool.needs)) {
    if (tool.effect === "read")
      return { decision: "deny", reason: `content is ${label.integrity}, ${tool.name} needs ${tool.needs}` }
    return { decision: "ask", reason: `content is ${label.integrity}, ${tool.name} needs ${tool.needs}` }
  }
  // P5
  if (label.integrity === "untrusted" && label.confidentiality !== "public" && tool.effect === "send") {
    return { decision: "ask", reason: "untrusted content together with private data would reach the outside" }
  }
  // P6
  if (asks !== null) return { decision: "ask", reason: asks }
  return { decision: "allow", reason: grants === null ? `the ${role} asked` : "granted" }
}

/** P3: deep equality, so that neither a longer value nor a value of another type passes. */
function covers(grant: Grant, tool: string, args: Record<string, unknown>): boolean {
  if (grant.tool !== tool) return false
  return Object.entries(grant.where ?? {}).every(([name, value]) => isDeepStrictEqual(args[name], value))
}
