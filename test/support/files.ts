/** Files as people send them: real beginnings, so that what looks at bytes has something to see. */

const bytes = (latin1: string, size = 0): Uint8Array => {
  const head = Buffer.from(latin1, "latin1")
  return new Uint8Array(Buffer.concat([head, Buffer.alloc(Math.max(0, size - head.length), 1)]))
}

export const jpeg = (size = 2000): Uint8Array => bytes("\xff\xd8\xff\xe0\x00\x10JFIF\x00", size)
export const png = (size = 2000): Uint8Array => bytes("\x89PNG\r\n\x1a\n", size)
export const ogg = (size = 4000): Uint8Array => bytes("OggS\x00\x02", size)
export const zip = (size = 1000): Uint8Array => bytes("PK\x03\x04", size)
export const page = (): Uint8Array => bytes("<!doctype html><script>alert(1)</script>")
export const words = (text: string): Uint8Array => new TextEncoder().encode(text)
