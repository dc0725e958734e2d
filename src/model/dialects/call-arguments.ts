/**
 * Call arguments: JSON text on its way between a model and a tool. Malformed arguments are never replaced by `{}`,
 * because a tool that runs with empty arguments does something that nobody requested.
 */

/**
 * Splits JSON objects that stand one after the other into one text each: `{"a":1}{"a":2}`, as servers write it that merge
 * parallel calls. Any other text comes back whole.
 */
export function splitArguments(text: string): string[] {
  if (isJson(text)) return [text]
  const parts = topLevelObjects(text)
  return parts.length > 1 && parts.every(isJson) ? parts : [text]
}

/**
 * Arguments as the history of a request shows them, always a JSON object: servers parse the history and refuse the whole
 * conversation over one malformed text.
 */
export function historyArguments(text: string): string {
  if (text.trim() === "") return "{}"
  return isJsonObject(text) ? text : JSON.stringify({ malformed_arguments: text })
}

/** The objects of a text that holds only objects and blanks; empty for any other text. */
function topLevelObjects(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  let between = ""
  let end = 0
  // A string is one token, escapes included, so that a brace inside it does not count.
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
