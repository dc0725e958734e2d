/** The type of a file by its bytes, whatever its name says. */
import { expect, test } from "vitest"
import { sniff } from "../../src/channels/sniff.ts"
import { jpeg, ogg, page, png, words, zip } from "../support/files.ts"

const latin1 = (text: string) => new Uint8Array(Buffer.from(text, "latin1"))

test.each([
  ["image/jpeg", jpeg()],
  ["image/png", png()],
  ["image/gif", latin1("GIF89a....")],
  ["image/webp", latin1("RIFF\x10\0\0\0WEBPVP8 ")],
  ["image/heic", latin1("\0\0\0\x18ftypheic\0\0\0\0")],
  ["audio/ogg", ogg()],
  ["audio/mpeg", latin1("ID3\x04\0")],
  ["audio/wav", latin1("RIFF\x10\0\0\0WAVEfmt ")],
  ["audio/amr", latin1("#!AMR\n")],
  ["audio/mp4", latin1("\0\0\0\x18ftypM4A \0\0")],
  ["video/mp4", latin1("\0\0\0\x18ftypisom\0\0")],
  ["application/pdf", latin1("%PDF-1.7")],
  ["application/zip", zip()],
  ["text/plain", page()],
  ["text/plain", words("naïve, \u2014 und \u{1f600}\r\n\tok")],
])("knows %s by its bytes", (type, bytes) => {
  expect(sniff(bytes)).toBe(type)
})

test.each([
  ["nothing", new Uint8Array()],
  ["white space", words(" \n")],
  ["bytes that are not UTF-8", latin1("caf\xe9 au lait")],
  ["text with a NUL in it", words("a\0b")],
  ["text with an escape in it", words("a\u001b[31mb")],
] as [string, Uint8Array][])("%s has no known type", (_, bytes) => {
  expect(sniff(bytes)).toBeNull()
})
