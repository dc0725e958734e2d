/** Status text: what a run is doing, in plain words, from the tools that it has called. */

const WORDS: Record<string, string> = {
  remember: "remembering that",
  recall: "looking in my memory",
  forget: "looking for what to forget",
  remind: "setting a reminder",
  schedule: "planning that",
  list_automations: "looking at your automations",
  cancel_automation: "cancelling an automation",
  set_preference: "noting that",
  now: "looking at the clock",
  send_digest: "making the digest",
  triage_issue: "reading the issue",
}

/** For example `Working on it: looking in my memory (step 2)`. A tool without words in the table is called by its name. */
export function statusText(tools: string[]): string {
  const last = tools.at(-1)
  if (last === undefined) return "Working on it."
  const words = WORDS[last] ?? last.replaceAll(/[_.-]+/g, " ").trim()
  return `Working on it: ${words}${tools.length > 1 ? ` (step ${tools.length})` : ""}`
}
