/**
 * Call arguments: JSON text on its way between a model and a tool. They are never replaced by `{}`: a tool that runs
 * with empty arguments does something nobody asked for.
 */

/**
 * Several JSON objects written one after the other (`{"a":1}{"a":2}`, seen where parallel calls were merged) as one
 * text each; anything else comes back whole.
 */
export function splitArguments(text: string): string[] {
  if (isJson(text)) return [text]
  const parts = topLevelObjects(text)
  return parts.length > 1 && parts.every(isJson) ? parts : [text]
}

/** Arguments for a request's history: servers parse them there and refuse the whole conversation over one bad text. */
export function historyArguments(text: string): string {
  if (text.trim() === "") return "{}"
  return isJsonObject(text) ? text : JSON.stringify({ malformed_arguments: text })
}

/** The objects of a text that holds nothing else but objects. */
function topLevelObjects(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  let between = ""
  let end = 0
  // Outside strings only braces count; strings are skipped whole, escapes included.
  for (const token of text.matchAll(/"(?:[^"\\]|\\[\s\S])*"|[{}]/g)) {
    if (token[0] === "{") {
      if (depth === 0) start = token.index
      depth += 1
    } else if (token[0] === "}") {
      depth -= 1
      if (depth !== 0) continue
      between += text.slice(end, start)
      end = token.index + 1
      parts.push(text.slice(start, end))
    }
  }
  return (between + text.slice(end)).trim() === "" ? parts : []
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function isJsonObject(text: string): boolean {
  if (!isJson(text)) return false
  const value: unknown = JSON.parse(text)
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
