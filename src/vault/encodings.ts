/** Forms: how a value looks after the encodings that headers, URLs, logs and dumps put it in. */

/** JSON in JSON in JSON: a provider's error body within a message within a log line. */
const JSON_DEPTH = 3

/** Every form, the value itself among them; each at least as long as the value or its base64 without the ends. */
export function encodingsOf(value: string): Set<string> {
  const text = value.toWellFormed()
  const bytes = Buffer.from(text, "utf8")
  const hex = bytes.toString("hex")
  const plain = [value, text, ...reversed(text), ...percentEncoded(text), ...htmlEscaped(text)]
  return new Set([...plain.flatMap(jsonEscaped), ...base64(bytes), hex, hex.toUpperCase()])
}

/** By code unit, as `[...s]` does not, and by code point, as it does. */
function reversed(text: string): string[] {
  return [text.split("").reverse().join(""), [...text].reverse().join("")]
}

/** RFC 3986 as JavaScript and stricter libraries do it, HTML forms, all bytes, either case; and encoded twice. */
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

/** As pages and XML write it, with the quotes as they are or not, in names or in numbers. */
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

/** Escaped as it is by JavaScript, with `\/` as well, or as ASCII only; as deep as `JSON_DEPTH`; and not at all. */
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
 * Base64 and base64url (RFC 4648) of the value alone, and the part of it that is the same inside any longer text, such as
 * `user:value` in a Basic header: one for each of the three places a byte can begin in.
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
