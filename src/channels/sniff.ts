/**
 * Sniff: tells the type of a file by its first bytes. The name and the type that its sender gave it decide nothing, because
 * they may be wrong on purpose. Source of the marks: the formats' own specifications, as the WHATWG MIME Sniffing Standard
 * lists them.
 */

type Mark = readonly [type: string, offset: number, bytes: string]

/** Marks as Latin-1 text. A longer mark of a format stands before a shorter one, because the first match wins. */
const MARKS: readonly Mark[] = [
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/png", 0, "\x89PNG\r\n\x1a\n"],
  ["image/gif", 0, "GIF87a"],
  ["image/gif", 0, "GIF89a"],
  ["image/webp", 8, "WEBPVP"],
  ["image/bmp", 0, "BM"],
  ["image/tiff", 0, "II*\0"],
  ["image/tiff", 0, "MM\0*"],
  ["image/heic", 4, "ftypheic"],
  ["image/heic", 4, "ftypheix"],
  ["image/heic", 4, "ftypmif1"],
  ["image/avif", 4, "ftypavif"],
  ["audio/ogg", 0, "OggS"],
  ["audio/wav", 8, "WAVE"],
  ["audio/flac", 0, "fLaC"],
  ["audio/mpeg", 0, "ID3"],
  ["audio/mpeg", 0, "\xff\xfb"],
  ["audio/mpeg", 0, "\xff\xf3"],
  ["audio/mpeg", 0, "\xff\xf2"],
  ["audio/aac", 0, "\xff\xf1"],
  ["audio/aac", 0, "\xff\xf9"],
  ["audio/amr", 0, "#!AMR"],
  ["audio/mp4", 4, "ftypM4A"],
  ["video/3gpp", 4, "ftyp3g"],
  ["video/quicktime", 4, "ftypqt"],
  ["video/mp4", 4, "ftyp"],
  ["audio/webm", 0, "\x1aE\xdf\xa3"],
  ["application/pdf", 0, "%PDF-"],
  ["application/zip", 0, "PK\x03\x04"],
  ["application/gzip", 0, "\x1f\x8b"],
  ["application/x-elf", 0, "\x7fELF"],
  ["application/x-dosexec", 0, "MZ"],
]

/** The MIME type of `bytes`: `text/plain` for UTF-8 without control characters, null for an unknown type. */
export function sniff(bytes: Uint8Array): string | null {
  const head = Buffer.from(bytes.subarray(0, 32)).toString("latin1")
  const known = MARKS.find(([, offset, mark]) => head.startsWith(mark, offset))
  return known?.[0] ?? (isText(bytes) ? "text/plain" : null)
}

function isText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return text.trim() !== "" && !/\p{Cc}/u.test(text.replace(/[\t\n\f\r]/g, ""))
  } catch {
    return false
  }
}
