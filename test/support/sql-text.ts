/**
 * SQL text: the SQL that a source file's templates hold, as far as text alone tells: constants and helper functions that are
 * templates stand in their places, and a clause that a function is given is taken from each of its calls.
 */

/** Where a template's own `${…}` cannot be replaced by SQL, it stays as this, so that it is never read as SQL. */
const HOLE = /⟦([^⟧]*)⟧/

/** A statement from `update` or `insert` to its end, and the function that runs it. */
export interface StatementText {
  by: string
  sql: string
  /** The TypeScript of the function, for the types of what stays open. */
  code: string
}

interface Body {
  name: string
  start: number
  end: number
  params: string[]
}

const NOT_FUNCTIONS = new Set(["if", "for", "while", "switch", "catch", "return", "await"])
const HEADS = [
  /(?:^|\n)(?:export )?(?:async )?function (\w+)(?:<[^>]*>)?(\()/g,
  /\n {2,6}(?:async )?function (\w+)(\()/g,
  /(?:^|\n) *(?:export )?const (\w+) = (?:async )?(\()/g,
  /\n {4}(?:async )?(\w+)(\()/g,
  /\n {4}(\w+): (?:async )?(\()/g,
  /(?:^|\n) *(?:export )?const (\w+)(?:: SQL)? = sql(`)/g,
]

/** The statements on `tables` in a source text. */
export function statementsIn(code: string, tables: string[]): StatementText[] {
  const names = `(?:${tables.join("|")})`
  const verbs = new RegExp(`\\b(?:update\\s+${names}(?:\\s+\\w+)?\\s+set|insert\\s+into\\s+${names}\\s*\\()`, "g")
  if (code.search(verbs) < 0) return []
  const bodies = bodiesOf(code)
  return [...code.matchAll(verbs)].flatMap(({ index }) => {
    const template = templateAround(code, index)
    const [line = ""] = code.slice(code.lastIndexOf("\n", index) + 1).split("\n", 1)
    if (!template && /^\s*(?:\*|\/[/*])/.test(line)) return []
    if (!template) throw new Error(`a state is changed outside a template: ${line.trim()}`)
    const sql = endOfStatement(code.slice(index, template.end))
    const body = innermost(bodies, index)
    if (!body) throw new Error(`no function holds the statement: ${sql.slice(0, 60)}`)
    return variants(code, bodies, body, expand(code, bodies, sql, body.params))
  })
}

/** One statement for each call of a function that is given a clause; else the statement as it is. */
function variants(code: string, bodies: Body[], body: Body, sql: string): StatementText[] {
  const given = body.params.filter((name) => sql.includes(`⟦${name}⟧`))
  const clauses = given.filter((name) => new RegExp(`\\b${name}\\??: SQL\\b`).test(head(code, body)))
  if (clauses.length === 0) return [{ by: body.name, sql, code: code.slice(body.start, body.end) }]
  const calls = [...code.matchAll(new RegExp(`\\b${body.name}\\(`, "g"))].filter(
    ({ index }) => index > body.end || index < body.start,
  )
  return calls.flatMap(({ index }) => {
    const caller = innermost(bodies, index)
    if (!caller) return []
    const args = splitTop(inside(code, index + body.name.length))
    const filled = clauses.reduce(
      (text, name) => text.replace(`⟦${name}⟧`, () => clauseOf(code, bodies, args[body.params.indexOf(name)] ?? "")),
      sql,
    )
    return [{ by: caller.name, sql: filled, code: code.slice(caller.start, caller.end) }]
  })
}

/** What an argument says in SQL: a template, the name of one, or a call that is given some. */
function clauseOf(code: string, bodies: Body[], argument: string): string {
  if (argument.startsWith("sql`")) return expand(code, bodies, inside(argument, 3))
  if (/^\w+$/.test(argument)) return fragment(code, bodies, argument, 0) ?? ""
  const [call] = /^\w+\(/.exec(argument) ?? []
  const parts = call ? splitTop(inside(argument, call.length - 1)) : []
  return parts.map((part) => clauseOf(code, bodies, part)).join(" ")
}

/** Puts constants and functions of this file that are one template into their places, and marks what stays open, as `given` does. */
function expand(code: string, bodies: Body[], sql: string, given: string[] = [], depth = 0): string {
  let text = ""
  for (let at = 0; at < sql.length; at++) {
    if (!sql.startsWith("${", at)) {
      text += sql[at]
      continue
    }
    const expression = inside(sql, at + 1)
    text += (given.includes(expression) ? null : fragment(code, bodies, expression, depth)) ?? `⟦${expression}⟧`
    at += expression.length + 2
  }
  return text
}

function fragment(code: string, bodies: Body[], expression: string, depth: number): string | null {
  const [, name] = /^(\w+)(?:\(.*\))?$/s.exec(expression) ?? []
  const body = bodies.findLast((one) => one.name === name)
  if (!body || depth > 3) return null
  const text = code.slice(body.start, body.end)
  const at = text.indexOf("sql`")
  // A whole statement, or several templates, is no fragment.
  if (at < 0 || text.includes("sql`", at + 4 + inside(text, at + 3).length)) return null
  return expand(code, bodies, inside(text, at + 3), body.params, depth + 1)
}

function bodiesOf(code: string): Body[] {
  const bodies = HEADS.flatMap((pattern) =>
    [...code.matchAll(pattern)].flatMap(({ 0: all, 1: name = "", 2: opening, index }) => {
      if (NOT_FUNCTIONS.has(name)) return []
      const start = index + (all.startsWith("\n") ? 1 : 0)
      const open = index + all.length - 1
      const inner = inside(code, open)
      if (opening === "`") return [{ name, start, end: open + inner.length + 2, params: [] }]
      const after = open + inner.length + 2
      return [{ name, start, end: endOfBody(code, after), params: splitTop(inner).map(nameOf) }]
    }),
  )
  return bodies.sort((a, b) => a.start - b.start)
}

const nameOf = (parameter: string): string => /^\s*(\w+)/.exec(parameter)?.[1] ?? ""

/** A block ends with its brace, an expression with the line whose next one is not deeper. */
function endOfBody(code: string, from: number): number {
  const [type = ""] = /^(?:: (?:[^{}\n=]|\{[^{}\n]*\})*)?(?: =>)?\s*/.exec(code.slice(from)) ?? []
  const at = from + type.length
  if (code[at] === "{") return at + inside(code, at).length + 2
  const start = code.lastIndexOf("\n", from) + 1
  const indent = /^ */.exec(code.slice(start))?.[0].length ?? 0
  const next = new RegExp(`\\n {0,${indent}}\\S`, "g")
  next.lastIndex = templateAround(code, at + 4)?.end ?? at
  return (next.exec(code)?.index ?? code.length - 1) + 1
}

const innermost = (bodies: Body[], at: number): Body | undefined =>
  bodies.findLast((body) => body.start <= at && at < body.end && body.params !== undefined)

const head = (code: string, body: Body): string => code.slice(body.start, code.indexOf(")", body.start) + 1)

/** The template that holds a place, by walking from the last opening before it. */
function templateAround(code: string, at: number): { start: number; end: number } | null {
  for (let start = code.lastIndexOf("sql`", at); start >= 0; start = code.lastIndexOf("sql`", start - 1)) {
    const end = start + 4 + inside(code, start + 3).length
    if (end >= at) return { start, end }
  }
  return null
}

/** Up to the bracket that closes what was opened before it. */
function endOfStatement(sql: string): string {
  let depth = 0
  for (let at = 0; at < sql.length; at++) {
    if (sql.startsWith("${", at)) at += inside(sql, at + 1).length + 2
    else if (sql[at] === "(") depth++
    else if (sql[at] === ")" && depth-- === 0) return sql.slice(0, at)
  }
  return sql
}

const PAIRS: Record<string, string> = { "(": ")", "{": "}", "[": "]", "`": "`" }

/** What stands between the bracket or backtick at `open` and the one that closes it. */
function inside(code: string, open: number): string {
  const opening = code[open] ?? ""
  const end = opening === "`" ? endOfTemplate(code, open + 1) : endOfBrackets(code, open)
  return code.slice(open + 1, end)
}

function endOfTemplate(code: string, from: number): number {
  for (let at = from; at < code.length; at++) {
    if (code[at] === "\\") at++
    else if (code[at] === "`") return at
    else if (code.startsWith("${", at)) at = endOfBrackets(code, at + 1)
  }
  return code.length
}

function endOfBrackets(code: string, open: number): number {
  const closing = PAIRS[code[open] ?? ""]
  let at = open + 1
  while (at < code.length && code[at] !== closing) at = skip(code, at) + 1
  return at
}

/** The end of what begins here: a string, a template, brackets, a comment, or one sign. */
function skip(code: string, at: number): number {
  const sign = code[at] ?? ""
  if (sign === '"') return after(code, sign, at)
  if (sign === "`") return endOfTemplate(code, at + 1)
  if (sign in PAIRS) return endOfBrackets(code, at)
  return code.startsWith("//", at) ? after(code, "\n", at) : at
}

/** Where the next `sign` is; the end when there is none. */
function after(text: string, sign: string, at: number): number {
  const next = text.indexOf(sign, at + 1)
  return next < 0 ? text.length : next
}

/** Splits at the commas that no bracket, quote or case holds. */
export function splitTop(text: string): string[] {
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? ""
    if (sign === ",") {
      parts.push(text.slice(from, at))
      from = at + 1
    } else if (sign === "'") at = after(text, "'", at)
    else if (sign === "⟦") at = after(text, "⟧", at)
    else if (sign in PAIRS) at += inside(text, at).length + 1
  }
  return [...parts, text.slice(from)].map((part) => part.trim())
}

/** The TypeScript that a hole stands for; null for SQL. */
export function holeIn(sql: string): string | null {
  return HOLE.exec(sql)?.[1] ?? null
}
