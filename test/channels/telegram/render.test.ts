import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { plainText, readMarkdown } from "../../../src/channels/markdown.ts"
import { renderTelegram, splitRuns } from "../../../src/channels/telegram/render.ts"
import { readTelegramHtml } from "../../support/telegram-html.ts"

const html = (markdown: string) => renderTelegram(markdown).map((part) => part.html)

describe("markup", () => {
  test("styles become tags and everything else is escaped", () => {
    expect(html("**a & b** _c_ ~~d~~ `x < y` 1 > 0")).toEqual([
      "<b>a &amp; b</b> <i>c</i> <s>d</s> <code>x &lt; y</code> 1 &gt; 0",
    ])
  })

  test("a code block names its language and holds no tags of its own", () => {
    expect(html('```ts\nif (a < b) "**"\n```')).toEqual([
      '<pre><code class="language-ts">if (a &lt; b) "**"</code></pre>',
    ])
  })

  test("a hostile language name cannot leave its attribute", () => {
    expect(html('```"><a\nx\n```')).toEqual(['<pre><code class="language-a">x</code></pre>'])
  })

  test("a link keeps its address, quotes in it included", () => {
    expect(html('[l](<https://a.example/?q="x"&y=1>)')).toEqual([
      '<a href="https://a.example/?q=&quot;x&quot;&amp;y=1">l</a>',
    ])
  })

  test("an address that Telegram does not link is spelled out", () => {
    expect(html("[run](javascript:alert(1)) [doc](./a.md)")).toEqual(["run (javascript:alert(1)) doc (./a.md)"])
  })

  test("a quotation is one block", () => {
    expect(html("> one\n> **two**\n\nafter")).toEqual(["<blockquote>one\n<b>two</b></blockquote>\n\nafter"])
  })

  test("code inside bold is code alone, because Telegram accepts nothing else", () => {
    expect(html("**a `b`**")).toEqual(["<b>a </b><code>b</code>"])
  })

  test("nothing to see gives no message", () => {
    expect(renderTelegram(" \n\n")).toEqual([])
    expect(renderTelegram("")).toEqual([])
  })

  test("the plain words of a part spell links out", () => {
    expect(renderTelegram("**see** [docs](https://a.example)")[0]?.plain).toBe("see docs (https://a.example)")
  })
})

/** Markdown that nests everything in everything, with characters that need escaping and characters of two units. */
const words = fc.string({
  unit: fc.constantFrom("a", "b", " ", "&", "<", ">", '"', "\u00e4", "\u{1f600}", "_", "*", "`", "&lt;"),
  minLength: 1,
  maxLength: 300,
})
const inline = fc.oneof(
  words,
  words.map((text) => `**${text}**`),
  words.map((text) => `_${text}_`),
  words.map((text) => `\`${text}\``),
  words.map((text) => `[${text}](https://a.example/?x=1&y=2)`),
)
const block = fc.oneof(
  fc.array(inline, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(" ")),
  fc.array(inline, { minLength: 1, maxLength: 8 }).map((items) => items.map((item) => `- ${item}`).join("\n")),
  fc.tuple(words, fc.nat(40)).map(([text, times]) => `\`\`\`js\n${`${text}\n`.repeat(times)}\n\`\`\``),
  inline.map((text) => `> ${text}`),
  fc.tuple(words, fc.nat(9000)).map(([text, length]) => text.replaceAll(" ", "").repeat(100).slice(0, length)),
)
const markdown = fc.array(block, { minLength: 1, maxLength: 14 }).map((blocks) => blocks.join("\n\n"))

describe("splitting", () => {
  test("every part is well-formed, within the limits, and shows its slice of the text", () => {
    fc.assert(
      fc.property(markdown, (text) => {
        for (const part of renderTelegram(text)) {
          const seen = readTelegramHtml(part.html)
          expect(seen.trim().length).toBeGreaterThan(0)
          expect(seen.length).toBeLessThan(4096)
          expect(Buffer.byteLength(part.html)).toBeLessThan(35_000)
          expect(part.plain.length).toBeLessThan(4096)
        }
      }),
      { numRuns: 150 },
    )
  })

  test("the parts joined are the text, character for character", () => {
    fc.assert(
      fc.property(markdown, (text) => {
        const runs = readMarkdown(text)
        expect(splitRuns(runs).map(plainText).join("")).toBe(plainText(runs))
      }),
      { numRuns: 150 },
    )
  })

  test("the rendered parts are the split parts: only white space at the cuts is lost", () => {
    const bare = (text: string) => text.replace(/\s+/g, "")
    fc.assert(
      fc.property(markdown, (text) => {
        const seen = renderTelegram(text).map((part) => readTelegramHtml(part.html))
        expect(bare(seen.join(""))).toBe(bare(plainText(readMarkdown(text))))
      }),
      { numRuns: 150 },
    )
  })

  test("a cut falls between blocks where it can", () => {
    const paragraph = `${"word ".repeat(500).trim()}.`
    const parts = renderTelegram(`${paragraph}\n\n${paragraph}\n\n${paragraph}`)
    expect(parts.map((part) => part.html)).toEqual([paragraph, paragraph, paragraph])
  })

  test("a code block that is cut is closed and opened again with its language", () => {
    const parts = renderTelegram(`\`\`\`js\n${"let a = 1\n".repeat(700)}\`\`\``)
    expect(parts.length).toBe(2)
    for (const part of parts)
      expect(part.html).toMatch(/^<pre><code class="language-js">let a = 1[\s\S]*<\/code><\/pre>$/)
  })
})
