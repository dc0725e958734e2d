import fc from "fast-check"
import { expect, test } from "vitest"
import { reduceHtml } from "../../../src/channels/email/html-text.ts"

test("paragraphs, breaks, lists and references become text", () => {
  const html =
    "<html><head><title>x</title><style>p{}</style></head><body><p>Hi&nbsp;<b>you</b> &amp; me,</p>one<br>two<ul><li>a</li><li>b</li></ul>1 < 2 &#8364;</body></html>"
  expect(reduceHtml(html)).toEqual({ text: "Hi you & me,\none\ntwo\n\n- a\n\n- b\n\n1 < 2 \u20ac", cut: false })
})

test.each([
  ["a quotation", "<div>yes</div><blockquote>old <blockquote>older</blockquote> words</blockquote>", "yes"],
  [
    "Gmail's",
    '<div>yes</div><div class="gmail_quote"><div>On Sunday Vigil wrote:</div><blockquote>old</blockquote></div>',
    "yes",
  ],
  ["Outlook's", '<p>yes</p><div id="divRplyFwdMsg">From: Vigil</div><p>old</p>', "yes"],
  ["one that never ends", "yes<blockquote>old", "yes"],
])("the answered mail is left out: %s", (_whose, html, text) => {
  expect(reduceHtml(html)).toEqual({ text, cut: true })
})

test("scripts and comments are no words, and words after them are not lost", () => {
  expect(reduceHtml("a<script>if (1 < 2) alert('x')</script>b<!-- > no -->c<style>x</style>d").text).toBe("abcd")
})

test("whatever comes, it ends, and no tag is left of well-formed markup", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (html) => void reduceHtml(html)))
  const hostile = [
    "<".repeat(400_000),
    "<a ".repeat(150_000),
    "<!--".repeat(100_000),
    "<blockquote>".repeat(40_000),
    "<script><".repeat(50_000),
  ]
  const before = performance.now()
  for (const html of hostile) reduceHtml(html)
  expect(performance.now() - before).toBeLessThan(5000)
})
