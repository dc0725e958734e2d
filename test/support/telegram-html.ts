/** Reads Telegram's HTML subset as strictly as the Bot API: the visible text, or an error that names what is wrong. */
const TAGS = new Set(["b", "strong", "i", "em", "u", "s", "code", "pre", "a", "blockquote"])
const ENTITIES: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"' }

export function readTelegramHtml(html: string): string {
  const open: string[] = []
  let text = ""
  for (const [token] of html.matchAll(/<[^>]*>|&[^;\s]*;?|[^<&]+|</g)) {
    if (token.startsWith("<")) applyTag(token, open)
    else text += token.startsWith("&") ? entity(token) : token
  }
  if (open.length > 0) throw new Error(`can't find end tag corresponding to start tag ${open.at(-1)}`)
  return text
}

function applyTag(token: string, open: string[]): void {
  const match = /^<(\/?)([a-z]+)((?: [a-z]+="[^"<>]*")*)>$/.exec(token)
  const [, closing, name = ""] = match ?? []
  if (match === null || !TAGS.has(name)) throw new Error(`unsupported start tag "${token}"`)
  if (closing !== "/") applyStart(name, open)
  else if (open.pop() !== name) throw new Error(`unexpected end tag ${token}`)
}

function applyStart(name: string, open: string[]): void {
  const inside = open.at(-1)
  const isLanguage = inside === "pre" && name === "code"
  if ((inside === "code" || inside === "pre") && !isLanguage) throw new Error(`${name} inside ${inside}`)
  if (name === "blockquote" && open.includes("blockquote")) throw new Error("nested blockquote")
  open.push(name)
}

function entity(token: string): string {
  const character = ENTITIES[token]
  if (character === undefined) throw new Error(`unknown entity ${token}`)
  return character
}
