/**
 * Markdown: reads the agent's text into a flat list of styled runs. The joined texts of the runs are exactly what a reader
 * sees, so every channel can render them. Raw HTML is never markup here, only text.
 */

import type { MarkedToken, Token, Tokens } from "marked"
import { lexer } from "marked"

export interface Style {
  bold?: true
  italic?: true
  strike?: true
  code?: true
  quote?: true
  /** Set in a preformatted block; the value is its language, `""` when none is named. */
  pre?: string
  /** Target of a link. */
  href?: string
}

export interface Run {
  text: string
  style: Style
}

/** Reads GitHub-flavoured Markdown (CommonMark plus tables, strikethrough, task lists, bare links). */
export function readMarkdown(markdown: string): Run[] {
  return blocks(lexer(markdown.replaceAll("\r\n", "\n")), {})
}

/** The words that a reader sees, without any style. */
export function plainText(runs: Run[]): string {
  return runs.map((run) => run.text).join("")
}

/** Adds ` (address)` after the label of each link that `spelled` picks, except where the label is the address already. */
export function spellLinks(runs: Run[], spelled: (href: string) => boolean): Run[] {
  const out: Run[] = []
  let label = ""
  for (const [index, run] of runs.entries()) {
    out.push(run)
    const { href } = run.style
    if (href === undefined) continue
    label += run.text
    if (runs[index + 1]?.style.href === href) continue
    if (spelled(href) && !isSame(label, href))
      out.push({ text: ` (${href})`, style: run.style.quote ? { quote: true } : {} })
    label = ""
  }
  return out
}

const isSame = (label: string, href: string): boolean =>
  label === href || `http://${label}` === href || `https://${label}` === href || `mailto:${label}` === href

function blocks(tokens: Token[], style: Style): Run[] {
  const runs: Run[] = []
  let gap = ""
  for (const token of known(tokens)) {
    if (token.type === "space") {
      if (gap !== "") gap = "\n\n"
      continue
    }
    const block = blockOf(token, style)
    if (block.length === 0) continue
    if (gap !== "") runs.push({ text: gap, style: {} })
    runs.push(...block)
    gap = gapAfter(token)
  }
  return runs
}

function gapAfter(token: MarkedToken): string {
  if (token.type === "checkbox") return ""
  return token.raw.endsWith("\n\n") ? "\n\n" : "\n"
}

function blockOf(token: MarkedToken, style: Style): Run[] {
  switch (token.type) {
    case "heading":
      return spans(token.tokens, { ...style, bold: true })
    case "paragraph":
      return spans(token.tokens, style)
    case "text":
      return token.tokens ? spans(token.tokens, style) : run(decode(token.text), style)
    case "code":
      return run(token.text, { ...quoted(style), pre: token.lang?.split(/\s/)[0] ?? "" })
    case "blockquote":
      return blocks(token.tokens, { ...style, quote: true }).map((r) => ({ ...r, style: { ...r.style, quote: true } }))
    case "list":
      return list(token, style)
    case "table":
      return run(table(token), { ...quoted(style), pre: "" })
    case "hr":
      return run("---", style)
    default:
      return spans([token], style)
  }
}

function list(token: Tokens.List, style: Style): Run[] {
  const first = typeof token.start === "number" ? token.start : 1
  const gap = token.loose ? "\n\n" : "\n"
  return token.items.flatMap((item, index) => {
    const bullet = token.ordered ? `${first + index}. ` : "\u2022 "
    const body = indent(blocks(item.tokens, style))
    return [...(index === 0 ? [] : run(gap, {})), ...run(bullet, style), ...body]
  })
}

/** Indents every line after the first, so that a nested list looks nested. */
function indent(runs: Run[]): Run[] {
  return runs.map((r) => (r.style.pre === undefined ? { ...r, text: r.text.replace(/\n(?!\n)/g, "\n  ") } : r))
}

/** A table as text: columns are padded to the same width, for a fixed-width font. */
function table(token: Tokens.Table): string {
  const rows = [token.header, ...token.rows].map((row) => row.map((cell) => plainText(spans(cell.tokens, {}))))
  const widths = token.header.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

function spans(tokens: Token[], style: Style): Run[] {
  return known(tokens).flatMap((token) => spanOf(token, style))
}

function spanOf(token: MarkedToken, style: Style): Run[] {
  switch (token.type) {
    case "strong":
      return spans(token.tokens, { ...style, bold: true })
    case "em":
      return spans(token.tokens, { ...style, italic: true })
    case "del":
      return spans(token.tokens, { ...style, strike: true })
    case "codespan":
      return run(token.text, { ...style, code: true })
    case "br":
      return run("\n", style)
    case "link":
      return spans(token.tokens, { ...style, href: token.href })
    case "image":
      return run(decode(token.text || token.href), { ...style, href: token.href })
    case "checkbox":
      return run(token.checked ? "[x] " : "[ ] ", style)
    case "text":
      return token.tokens ? spans(token.tokens, style) : run(decode(token.text), style)
    case "escape":
      return run(token.text, style)
    default:
      return run(token.raw.trimEnd(), style)
  }
}

const run = (text: string, style: Style): Run[] => (text === "" ? [] : [{ text, style }])
const quoted = (style: Style): Style => (style.quote ? { quote: true } : {})

/** Narrows the type: no extension of marked is installed, so every token is one of marked's own. */
function known(tokens: Token[]): MarkedToken[] {
  return tokens as MarkedToken[]
}

const NAMED: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
  ndash: "\u2013",
  mdash: "\u2014",
  lsquo: "\u2018",
  rsquo: "\u2019",
  ldquo: "\u201c",
  rdquo: "\u201d",
  hellip: "\u2026",
  euro: "\u20ac",
}

/** Decodes character references as CommonMark defines them; unknown names stay as they are written. */
export function decode(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]+));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name] ?? whole
    const point = decimal === undefined ? Number.parseInt(hex, 16) : Number.parseInt(decimal, 10)
    const isCharacter = point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)
    return isCharacter ? String.fromCodePoint(point) : "\ufffd"
  })
}
