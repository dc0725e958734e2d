/**
 * Texts of every kind, on every channel: the provider accepts each part, and the parts together say the whole text, in
 * order. Letters and digits are compared one by one, so that no cut, no style and no alphabet can lose or change one.
 */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { renderEmail } from "../../src/channels/email/render.ts"
import { MAX_SMS_BODY, renderSms, splitBody } from "../../src/channels/sms/render.ts"
import { measure } from "../../src/channels/sms/segments.ts"
import { partsOf, restOf } from "../../src/channels/sms/send.ts"
import { renderWhatsApp } from "../../src/channels/sms/whatsapp.ts"
import { renderTelegram } from "../../src/channels/telegram/render.ts"
import { readTelegramHtml } from "../support/telegram-html.ts"

const OPTIONS = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: Number(process.env.FUZZ_SEED ?? 20_261_122) }
const PATIENCE_MS = 120_000

/** A text in Markdown, and the words that a person must be able to read: with the addresses of links, and without. */
interface Piece {
  markdown: string
  seen: string
  spelled: string
}
const plain = (text: string): Piece => ({ markdown: text, seen: text, spelled: text })
const joined = (pieces: Piece[], gap: string): Piece => ({
  markdown: pieces.map((piece) => piece.markdown).join(gap),
  seen: pieces.map((piece) => piece.seen).join(gap),
  spelled: pieces.map((piece) => piece.spelled).join(gap),
})
const within = (piece: Piece, change: (markdown: string) => string): Piece => ({
  ...piece,
  markdown: change(piece.markdown),
})
/** The letters and digits of a text, as the reader sees them. */
const bare = (text: string) => (text.normalize("NFC").match(/[\p{L}\p{N}]/gu) ?? []).join("")

const EMOJI = [
  "\u{1f44d}\u{1f3fd}",
  "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}",
  "\u{1f1e9}\u{1f1ea}",
  "\u{1f600}",
  "\u2764\ufe0f\u200d\u{1f525}",
]
const word = fc.oneof(
  fc.stringMatching(/^[a-z]{1,12}[0-9]{0,3}$/),
  fc.constantFrom("caf\u00e9", "\u20ac5", "na\u00efve", "\u00dcbung", "\u0141\u00f3d\u017a"),
  fc.constantFrom(
    "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u4f60\u597d",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\u041f\u0440\u0438\u0432\u0435\u0442",
  ),
  fc.constantFrom("\u{1d400}\u{1d401}", "\u{20000}"),
)
const sign = fc.constantFrom(
  ...EMOJI,
  "\u201c",
  "\u201d",
  "\u2019",
  "\u2014",
  "\u2026",
  "\u00a0",
  "&",
  "<",
  ">",
  "a < b && c > d",
  "\u200f",
  "\u202b",
  "\\",
  "'",
  '"',
  "$5",
  "^",
  "{}",
  "~",
)
const tag = fc.constantFrom(
  "<b>bold</b>",
  "<script>alert(1)</script>",
  '<a href="x">y</a>',
  "</pre>",
  "<br/>",
  "<!-- c -->",
  "<unknown",
  "<p",
)
const text = fc
  .array(fc.oneof({ weight: 5, arbitrary: word }, { weight: 2, arbitrary: sign }), { minLength: 1, maxLength: 25 })
  .map((list) => plain(list.join(" ")))
const label = fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 4 }).map((list) => list.join(" "))
const link = fc
  .tuple(label, fc.webUrl({ withQueryParameters: true, validSchemes: ["https"] }))
  .map(([name, url]): Piece => {
    const address = new URL(url).href.replaceAll(/[()'*_~`\\!]/g, "")
    return { markdown: `[${name}](<${address}>)`, seen: name, spelled: `${name} (${address})` }
  })
const styled = fc
  .tuple(fc.constantFrom("**", "_", "~~", "`", "**_"), label)
  .map(([mark, words]): Piece => within(plain(words), (said) => mark + said + [...mark].reverse().join("")))
const inline = fc
  .array(fc.oneof({ weight: 3, arbitrary: text }, link, styled), { minLength: 1, maxLength: 4 })
  .map((list) => joined(list, " "))

const list = fc.array(fc.tuple(fc.nat(2), inline), { minLength: 1, maxLength: 8 }).map((items) =>
  joined(
    items
      .map(([depth, item], index) => within(item, (said) => `${"  ".repeat(Math.min(depth, index))}- x${said}`))
      .map((item) => ({ ...item, seen: `x${item.seen}`, spelled: `x${item.spelled}` })),
    "\n",
  ),
)
const numbered = fc.array(inline, { minLength: 1, maxLength: 5 }).map((items) =>
  joined(
    items.map((item, index) => ({
      markdown: `${index + 1}. x${item.markdown}`,
      seen: `${index + 1}. x${item.seen}`,
      spelled: `${index + 1}. x${item.spelled}`,
    })),
    "\n",
  ),
)
const cell = fc
  .array(fc.stringMatching(/^[a-z0-9]{1,9}$/), { minLength: 1, maxLength: 3 })
  .map((words) => words.join(" "))
const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 2, maxLength: 8 }).map(([head, ...rows]): Piece => {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`
  const all = [head ?? [], ...rows]
  return {
    markdown: [line(head ?? []), "|---|:-:|--:|", ...rows.map(line)].join("\n"),
    seen: all.map((cells) => cells.join(" ")).join("\n"),
    spelled: all.map((cells) => cells.join(" ")).join("\n"),
  }
})
const code = fc
  .tuple(
    fc.constantFrom("", "ts", "c++", '"><a'),
    fc.array(fc.oneof(text, tag.map(plain)), { minLength: 1, maxLength: 12 }),
  )
  .map(([language, lines]) => within(joined(lines, "\n"), (said) => `\`\`\`${language}\n${said}\n\`\`\``))
const endless = fc
  .tuple(
    fc.constantFrom("x", "ab1", "\u{1d400}", "\u05d0", "\u4f60\u597d", "\u00e9", "\u{1f600}a"),
    fc.integer({ min: 500, max: 10_000 }),
  )
  .map(([unit, length]) => plain(unit.repeat(Math.ceil(length / unit.length))))
const long = fc.tuple(text, fc.integer({ min: 2, max: 80 })).map(([piece, times]) =>
  joined(
    Array.from({ length: times }, () => piece),
    " ",
  ),
)
const block = fc.oneof(
  { weight: 4, arbitrary: inline.map((piece) => within(joined([plain("p"), piece], " "), (said) => said)) },
  inline.map((piece) => within(piece, (said) => `## ${said}`)),
  inline.map((piece) => within(piece, (said) => `> ${said}`)),
  list,
  numbered,
  table,
  code,
  tag.map((html) => plain(`html ${html} end`)),
  long,
  endless,
)
/** Words between the blocks, because without them two lists would become one. */
const document = fc.array(block, { minLength: 1, maxLength: 12 }).map((blocks) => joined(blocks, "\n\nand then\n\n"))

const renderedLength = ({ text, plain }: { text: string; plain: boolean }) => (plain ? text : renderSms(text)).length

function check(property: (said: Piece) => void, share = 1): void {
  fc.assert(fc.property(document, property), { ...OPTIONS, numRuns: Math.ceil(OPTIONS.numRuns * share) })
}

describe("any Markdown", () => {
  test(
    "Telegram accepts every part, its markup is well-formed, and the parts show the whole text",
    () => {
      check(({ markdown, seen }) => {
        const parts = renderTelegram(markdown)
        const read = parts.map(({ html }) => readTelegramHtml(html))
        for (const [index, { html, plain: words }] of parts.entries()) {
          const shown = read[index] ?? ""
          expect(shown.length).toBeLessThanOrEqual(4096)
          expect(shown.trim()).not.toBe("")
          expect(words.length).toBeLessThanOrEqual(4096)
          expect(Buffer.byteLength(html)).toBeLessThan(35_000)
          expect(html.isWellFormed()).toBe(true)
        }
        expect(bare(read.join(""))).toBe(bare(seen))
      })
    },
    PATIENCE_MS,
  )

  test(
    "a text message fits its segments, and the messages say the whole text, with the addresses of links",
    () => {
      check(({ markdown, spelled }) => {
        const parts = splitBody(renderSms(markdown))
        for (const part of parts) {
          const { encoding, segments } = measure(part)
          expect(part.length).toBeLessThanOrEqual(MAX_SMS_BODY)
          expect(segments).toBeLessThanOrEqual(
            encoding === "gsm7" ? Math.ceil((2 * MAX_SMS_BODY) / 152) : Math.ceil(MAX_SMS_BODY / 66),
          )
          expect(part.trim()).not.toBe("")
          expect(part.isWellFormed()).toBe(true)
        }
        expect(bare(parts.join(""))).toBe(bare(spelled))
      })
    },
    PATIENCE_MS,
  )

  test(
    "an answer by SMS is one message within its budget, and MORE brings the whole rest, page by page",
    () => {
      check(({ markdown, spelled }) => {
        let read = ""
        let next = { target: "+15557654321", text: markdown, brief: true, plain: false }
        for (let pages = 0; next.text !== ""; pages++) {
          const sent = partsOf(next)
          const rest = restOf(next)
          expect(sent).toHaveLength(1)
          for (const part of sent) {
            expect(measure(part).segments).toBeLessThanOrEqual(4)
            expect(part.isWellFormed()).toBe(true)
            expect(part.endsWith("\nReply MORE for the rest")).toBe(rest !== "")
            read += part.replace(/\nReply MORE for the rest$/, "")
          }
          // The rest must become shorter each time, or the reader would never see its end.
          if (rest !== "") expect(rest.length).toBeLessThan(renderedLength(next))
          next = { ...next, text: rest, plain: true }
          expect(pages).toBeLessThan(1000)
        }
        expect(bare(read)).toBe(bare(spelled))
      }, 0.2)
    },
    PATIENCE_MS,
  )

  test(
    "WhatsApp accepts every part, and the parts say the whole text",
    () => {
      check(({ markdown, spelled }) => {
        const parts = splitBody(renderWhatsApp(markdown))
        for (const part of parts) expect(part.length).toBeLessThanOrEqual(MAX_SMS_BODY)
        expect(bare(parts.join(""))).toBe(bare(spelled))
      })
    },
    PATIENCE_MS,
  )

  test(
    "a mail says the whole text twice, as plain words and as well-formed markup, and its title is one line",
    () => {
      check(({ markdown, seen, spelled }) => {
        const letter = renderEmail(markdown)
        expect(bare(letter.text)).toBe(bare(spelled))
        const markup = letter.html
          .replace(/^<!doctype html>\n<html><body>/, "")
          .replace(/<\/body><\/html>\n$/, "")
          .replaceAll("<br>", "")
        expect(bare(readTelegramHtml(markup))).toBe(bare(seen))
        expect(letter.title).not.toMatch(/[\r\n]/)
        expect(letter.text.isWellFormed() && letter.title.isWellFormed()).toBe(true)
      })
    },
    PATIENCE_MS,
  )
})

describe("any characters", () => {
  const anything = fc.string({ unit: "binary", maxLength: 600 })

  test("nothing breaks a part on any channel", () => {
    fc.assert(
      fc.property(anything, (markdown) => {
        for (const { html } of renderTelegram(markdown)) expect(readTelegramHtml(html).length).toBeLessThanOrEqual(4096)
        for (const part of splitBody(renderSms(markdown))) expect(part.length).toBeLessThanOrEqual(MAX_SMS_BODY)
        renderEmail(markdown)
      }),
      OPTIONS,
    )
  })

  test("an emoji made of many characters arrives unchanged on Telegram and by mail", () => {
    const faces = fc.array(fc.constantFrom(...EMOJI), { minLength: 1, maxLength: 1200 })
    fc.assert(
      fc.property(faces, (list) => {
        const said = list.join(" ")
        const read = renderTelegram(said).map(({ html }) => readTelegramHtml(html))
        expect(read.join(" ").split(" ")).toEqual(list)
        expect(renderEmail(said).text.split(" ")).toEqual(list)
      }),
      { ...OPTIONS, numRuns: 60 },
    )
  })
})
