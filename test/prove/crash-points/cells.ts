/** Cells: each point, met by a run with a tool of each replay class, and the flows that only some runs have. */
import type { Moment, Point, PointName } from "./points.ts"

export type Class = "transactional" | "pure" | "idempotent" | "reconcile" | "unsafe"
/** What begins it: a message with a tool; a message with a tool that asks first; or something of its own. */
export type Flow = "tool" | "approval" | "expiry" | "reminder" | "vector" | "pairing"

export interface Cell {
  number: number
  replay: Class
  flow: Flow
  /** Where each life ends, one after the other; the last life has no end. */
  deaths: Point[]
}

export const TOOL_OF: Record<Class, string> = {
  transactional: "remember",
  pure: "look",
  idempotent: "post",
  reconcile: "mark",
  unsafe: "pay",
}

const at = (name: PointName, ...moments: Moment[]): Point[] => moments.map((moment) => ({ name, moment }))

/** Of every run that answers a message. */
const COMMON = [
  ...at("accept", "before", "inside", "after"),
  ...at("claim", "before", "after"),
  ...at("ask", "before", "after"),
  ...at("reserve", "before", "after"),
  ...at("settle", "before", "after"),
  ...at("finish", "before", "after"),
  ...at("take", "before", "after"),
  ...at("sent", "before", "after"),
]
const EFFECT = at("effect", "before", "after")
const OWN: Record<Class, Point[]> = {
  transactional: at("outcome", "before", "inside", "after"),
  // Its intent goes to the journal together with its outcome.
  pure: [...EFFECT, ...at("outcome", "before", "after")],
  idempotent: [...at("intent", "before", "after"), ...EFFECT, ...at("outcome", "before", "after")],
  reconcile: [...at("intent", "before", "after"), ...EFFECT, ...at("outcome", "before", "after")],
  unsafe: [...at("intent", "before", "after"), ...EFFECT, ...at("outcome", "before", "after")],
}
const APPROVAL = [
  ...at("suspend", "before", "after"),
  ...at("answer", "before", "inside", "after"),
  ...at("use", "before", "inside", "after"),
]
/** Then again while the question of the first crash is asked and answered. */
const TWICE: Point[] = [...at("suspend", "before", "after"), ...at("answer", "before", "inside", "after")]

export function allCells(): Cell[] {
  const cells: Omit<Cell, "number">[] = []
  for (const replay of ["transactional", "pure", "idempotent", "reconcile", "unsafe"] as const)
    for (const point of [...COMMON, ...OWN[replay]]) cells.push({ replay, flow: "tool", deaths: [point] })
  for (const point of APPROVAL) cells.push({ replay: "idempotent", flow: "approval", deaths: [point] })
  for (const point of TWICE)
    for (const first of EFFECT) cells.push({ replay: "unsafe", flow: "tool", deaths: [first, point] })
  const flows: [Flow, Point[]][] = [
    ["expiry", at("expire", "before", "after")],
    ["reminder", at("tick", "before", "inside", "after")],
    ["vector", at("embed", "before", "after")],
    ["pairing", at("pairing", "before", "inside", "after")],
  ]
  for (const [flow, points] of flows)
    for (const point of points) cells.push({ replay: "transactional", flow, deaths: [point] })
  return cells.map((cell, index) => ({ ...cell, number: index + 1 }))
}

export function nameOf({ replay, flow, deaths }: Cell): string {
  const where = deaths.map(({ name, moment }) => `${name}.${moment}`).join(", then ")
  return `${flow === "tool" ? replay : flow} at ${where}`
}
