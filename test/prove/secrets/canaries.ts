/** Canaries: secrets that are found again wherever they turn up, and the ways in which a text can carry them. */
import { randomBytes } from "node:crypto"

export interface Canary {
  name: string
  value: string
}

const plain = () => randomBytes(21).toString("base64url")
/** With characters that encodings change. */
const odd = () => `${randomBytes(12).toString("base64url")}/+=&_${randomBytes(9).toString("base64url")}`
/** What a provider's own format allows. */
const SHAPES: Record<string, () => string> = {
  TELEGRAM_BOT_TOKEN: () => `123456:${plain()}`,
  TELEGRAM_WEBHOOK_SECRET: plain,
}

export function canaries(names: string[]): Canary[] {
  return names.map((name) => ({ name, value: (SHAPES[name] ?? odd)() }))
}

/** Worked out here on its own, apart from the scrubber's list. A header is searched for without what it shares with its neighbours. */
export const ENCODINGS: Record<string, (value: string) => string> = {
  plain: (value) => value,
  "a JSON string": (value) => JSON.stringify(value).slice(1, -1),
  percent: encodeURIComponent,
  "percent, twice": (value) => encodeURIComponent(encodeURIComponent(value)),
  form: (value) => new URLSearchParams({ v: value }).toString().slice(2),
  "percent, every byte": (value) => Buffer.from(value).toString("hex").toUpperCase().replace(/../g, "%$&"),
  base64: (value) => Buffer.from(value).toString("base64").replace(/=+$/, ""),
  base64url: (value) => Buffer.from(value).toString("base64url"),
  "a Basic header": (value) => basic(value).slice(8, -4),
  hex: (value) => Buffer.from(value).toString("hex"),
  "hex, upper case": (value) => Buffer.from(value).toString("hex").toUpperCase(),
  "HTML entities": (value) => value.replaceAll("&", "&amp;"),
  reversed: (value) => [...value].reverse().join(""),
}

function basic(value: string): string {
  return Buffer.from(`user:${value}`).toString("base64")
}

/** Every encoding of every canary in one text, as somebody who wants them out would write them. */
export function shout(all: Canary[]): string {
  const written = { ...ENCODINGS, "a Basic header": basic }
  return all.flatMap(({ value }) => Object.values(written).map((encode) => encode(value))).join(" \n")
}

/** What of it is in a text: `TWILIO_AUTH_TOKEN as base64`. */
export function findIn(text: string, all: Canary[]): string[] {
  return all.flatMap(({ name, value }) =>
    Object.entries(ENCODINGS).flatMap(([encoding, encode]) =>
      text.includes(encode(value)) ? [`${name} as ${encoding}`] : [],
    ),
  )
}
