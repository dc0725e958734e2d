/**
 * Encodings: how a secret value looks in headers, URLs, logs and dumps. The scrubber searches for each of these forms, so
 * a form that is missing here would be shown to people.
 */

/** How often a value can be JSON-escaped: a provider's error body, inside a message, inside a log line. */
const JSON_DEPTH = 3

/** All forms of `value`, with the value itself. Each is at least as long as the value, or as its base64 without the ends. */
export function encodingsOf(value: string): Set<string> {
  const text = value.toWellFormed()
  const bytes = Buffer.from(text, "utf8")
  const hex = bytes.toString("hex")
  const plain = [value, text, ...reversed(text), ...percentEncoded(text), ...htmlEscaped(text)]
  return new Set([...plain.flatMap(jsonEscaped), ...base64(bytes), hex, hex.toUpperCase()])
}

/** Reversed by UTF-16 code unit and by code point: programs do both, and the results differ for surrogate pairs. */
function reversed(text: string): string[] {
  return [text.split("").reverse().join(""), [...text].reverse().join("")]
}

/**
 * Percent-encoded as JavaScript does it, as stricter libraries do it (RFC 3986), as an HTML form, as a path, and with every
 * byte encoded; each in upper and lower case, and each also encoded twice.
 */
function percentEncoded(text: string): string[] {
  const component = encodeURIComponent(text)
  const strict = component.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const form = new URLSearchParams([["", text]]).toString().slice(1)
  const all = Buffer.from(text, "utf8").toString("hex").toUpperCase().replace(/../g, "%$&")
  const path = encodeURI(text)
  const once = [component, strict, form, all, path].flatMap((encoded) => [encoded, lowerCaseEscapes(encoded)])
  return [...once, ...once.map(encodeURIComponent)]
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }

/** Escaped as HTML and XML write it: with or without escaped quotes, as named or as numeric references. */
function htmlEscaped(text: string): string[] {
  const named = text.replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c)
  const loose = text.replace(/[&<>]/g, (c) => ENTITIES[c] ?? c)
  const all = (write: (code: number) => string) => text.replace(/[^\w. -]/g, (c) => write(c.charCodeAt(0)))
  return [
    named,
    loose,
    named.replaceAll("&#39;", "&apos;"),
    all((code) => `&#${code};`),
    all((code) => `&#x${code.toString(16).toUpperCase()};`),
  ]
}

function lowerCaseEscapes(encoded: string): string {
  return encoded.replace(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase())
}

/** The text itself, and the text JSON-escaped up to `JSON_DEPTH` times: as JavaScript does it, with `\/`, as ASCII only. */
function jsonEscaped(text: string): string[] {
  const forms = [text]
  let last = [text]
  for (let depth = 0; depth < JSON_DEPTH; depth++) {
    last = [...new Set(last.flatMap(escapes))]
    forms.push(...last)
  }
  return forms
}

function escapes(text: string): string[] {
  const usual = JSON.stringify(text).slice(1, -1)
  const ascii = usual.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return [usual, ascii, usual.replaceAll("/", "\\/"), ascii.replaceAll("/", "\\/")]
}

/**
 * Base64 and base64url (RFC 4648): of the value alone, and the middle part that stays the same inside any longer text, such
 * as `user:value` in a Basic header. That part has three forms, because a byte can begin at three places of a group.
 */
function base64(bytes: Buffer): string[] {
  const whole = bytes.toString("base64")
  const inner = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64")
    const own = Math.floor(((before + bytes.length) * 8) / 6)
    return encoded.slice(Math.ceil((before * 8) / 6), own)
  })
  return [whole, ...inner].flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")])
}
