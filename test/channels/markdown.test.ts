import { describe, expect, test } from "vitest"
import { plainText, readMarkdown, spellLinks } from "../../src/channels/markdown.ts"

const read = (markdown: string) => plainText(readMarkdown(markdown))

describe("what a reader sees", () => {
  test("marks of style are removed, and raw HTML stays as words", () => {
    expect(read("**bold** _it_ `code` ~~old~~ <b>raw</b>")).toBe("bold it code old <b>raw</b>")
  })

  test("character references become the characters that they name", () => {
    expect(read("AT&amp;T &lt;x&gt; &#39;q&#x27; &unknown;")).toBe("AT&T <x> 'q' &unknown;")
  })

  test("a code block keeps its text exactly, references and stars included", () => {
    expect(read("```ts\na &amp;&amp; **b**\n  c\n```")).toBe("a &amp;&amp; **b**\n  c")
  })

  test("lists get bullets and numbers, and nested lists are indented", () => {
    expect(read("- a\n- b\n  - c\n- [x] done\n\n3. x\n4. y")).toBe(
      "\u2022 a\n\u2022 b\n  \u2022 c\n\u2022 [x] done\n\n3. x\n4. y",
    )
  })

  test("blank lines between blocks stay, and so do single line breaks", () => {
    expect(read("# Title\n\nline one\nline two\n\nnext")).toBe("Title\n\nline one\nline two\n\nnext")
  })

  test("a table becomes columns of the same width", () => {
    expect(read("| name | n |\n|---|---|\n| a | 12 |")).toBe("name  n\na     12")
  })
})

describe("links", () => {
  test("an address is written once after its label, however many styles the label has", () => {
    const runs = readMarkdown("see [the **docs** page](https://a.example/x) now")
    expect(plainText(spellLinks(runs, () => true))).toBe("see the docs page (https://a.example/x) now")
  })

  test("an address that is its own label is not repeated", () => {
    const runs = readMarkdown("https://a.example/x and www.b.example and me@c.example")
    expect(plainText(spellLinks(runs, () => true))).toBe("https://a.example/x and www.b.example and me@c.example")
  })
})
