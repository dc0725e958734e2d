/**
 * States: which state a row may leave for which other one, as the statements of `src` carry it out and as `STATES.md` says it.
 * A statement says in its text what it leaves (`where state = …`) and what it sets; what it sets from TypeScript is taken from
 * the type of that value. `(new)` is a row that was not there; `any` a state that the statement does not name.
 */
import { holeIn, type StatementText, splitTop, statementsIn } from "./sql-text.ts"

export type Sources = ReadonlyMap<string, string>

interface Machine {
  states: string[]
  /** Of a row whose insert names none. */
  initial: string | null
}

const NEW = "(new)"
const ANY = "any"

/** The tables with a state, from the check constraints of the schema. */
function machinesOf(schema: Sources): Map<string, Machine> {
  const machines = new Map<string, Machine>()
  for (const text of schema.values())
    for (const table of text.split(/(?=pgTable\()/)) {
      const [, name = "", list = ""] = /check\(\s*"(\w+)_state",\s*sql`\$\{t\.state\} in \(([^)]*)\)`/.exec(table) ?? []
      const initial = /\bstate: text\(\)\.notNull\(\)\.default\("(\w+)"\)/.exec(table)?.[1] ?? null
      if (name) machines.set(name, { states: literalsIn(list), initial })
    }
  return machines
}

/** `table: from -> to, by path: function`, of every statement; a state that the schema refuses among them. */
function transitionsIn(sources: Sources, machines: Map<string, Machine>): Set<string> {
  const found = [...sources].flatMap(([path, code]) =>
    statementsIn(code, [...machines.keys()]).flatMap((statement) => {
      const { table, steps } = stepsOf(statement, code, { sources, machines })
      return steps
        .filter(([from, to]) => from !== to)
        .map(([from, to]) => `${table}: ${from} -> ${to}, by ${path}: ${statement.by}`)
    }),
  )
  return new Set(found)
}

function stepsOf(statement: StatementText, code: string, all: { sources: Sources; machines: Map<string, Machine> }) {
  const [, table = ""] = /^(?:update|insert\s+into)\s+(\w+)/.exec(statement.sql) ?? []
  const initial = all.machines.get(table)?.initial ?? null
  const isUpdate = statement.sql.startsWith("update")
  const literals = (expression: string) => literalsOf(expression, statement, code, all.sources)
  return { table, steps: isUpdate ? updated(statement, literals) : inserted(statement, initial, literals) }
}

type Step = [from: string, to: string]

type Literals = (expression: string) => string[]

function updated({ sql }: StatementText, literals: Literals): Step[] {
  const [, table = "", alias = table, set = "", rest = ""] =
    /^update (\w+)(?: (\w+))? set (.*?)( (?:from|where|returning) .*)?$/.exec(flat(sql)) ?? []
  const value = splitTop(set).flatMap((part) => /^state\s*=\s*(.+)$/.exec(part)?.[1] ?? [])[0]
  if (value === undefined) return []
  const named = left(rest, alias)
  return stepsTo(value, named.length > 0 ? named : [ANY], literals)
}

function inserted({ sql }: StatementText, initial: string | null, literals: Literals): Step[] {
  const text = flat(sql)
  const [, columns = "", values = ""] = /^insert into \w+ ?\(([^)]*)\) ?(?:select|values \() ?(.*)$/.exec(text) ?? []
  const at = columns.split(",").findIndex((column) => column.trim() === "state")
  const value = at < 0 ? `'${initial}'` : (splitTop(values)[at] ?? "")
  const steps = stepsTo(value, [NEW], literals)
  const isUpsert = /on conflict .*\bstate = excluded\.state\b/.test(text)
  return [...steps, ...(isUpsert ? steps.map(([, to]): Step => [ANY, to]) : [])]
}

/** `value` is a literal, a value of TypeScript, or a case of such; `state` in it leaves the row as it is. */
function stepsTo(value: string, from: string[], literals: Literals): Step[] {
  const [, condition = "", yes = "", no = ""] =
    /^case when ([\s\S]+) then ([\s\S]+) else ([\s\S]+) end/.exec(value) ?? []
  if (condition) {
    const named = left(` where ${condition}`, "")
    const within = named.length > 0 ? named : from
    return [
      ...stepsTo(yes, within, literals),
      ...stepsTo(
        no,
        from.filter((state) => !named.includes(state)),
        literals,
      ),
    ]
  }
  if (/^state\b/.test(value)) return []
  const [, literal] = /^'(\w+)'/.exec(value) ?? []
  const to = literal ? [literal] : literals(value)
  return from.flatMap((state) => to.map((next): Step => [state, next]))
}

/** The states of the table's own row that a condition names. */
function left(rest: string, table: string): string[] {
  const own = new RegExp(`(?<![\\w.])(?:${table || "_"}\\.)?state (?:= ('\\w+')|in (\\([^)]*\\)))`, "g")
  return [...withoutQueries(rest).matchAll(own)].flatMap(([, one, list]) => literalsIn(one ?? list ?? ""))
}

/** Without the queries in it: their states are those of other rows. */
function withoutQueries(text: string): string {
  let rest = text
  for (let at = rest.search(/\(\s*select\b/); at >= 0; at = rest.search(/\(\s*select\b/)) {
    let end = at
    for (let depth = 0; end < rest.length; end++) {
      if (rest[end] === "(") depth++
      if (rest[end] === ")" && --depth === 0) break
    }
    rest = rest.slice(0, at) + rest.slice(end + 1)
  }
  return rest
}

/** What a value of TypeScript, or of a list that was given as JSON, may be: by the type of its name. */
function literalsOf(expression: string, { code: body, by }: StatementText, code: string, sources: Sources): string[] {
  const written = (holeIn(expression) ?? expression).trim()
  const [, name = ""] = /(\w+)(?:\s*\?\?.*)?$/.exec(written) ?? []
  const own = constantOf(name, body, code) ?? typeOf(name, body, code, sources)
  if (own.length === 0) throw new Error(`${by}: which states are ${written}? Name its type where it is declared.`)
  return own
}

/** `const name = { a: "x", b: "y" }[…]`, also by way of a constant of the file. */
function constantOf(name: string, body: string, code: string): string[] | null {
  const [, value] = new RegExp(`const ${name} = (.+)`).exec(body) ?? []
  if (value === undefined) return null
  const [constant = ""] = /\b[A-Z][A-Z_]+\b/.exec(value) ?? []
  const [, declared = value] = (constant && new RegExp(`const ${constant} = (\\{[^}]*\\})`).exec(code)) || []
  return quoted(declared)
}

/** By the types that the function's own text names, or else by what the file says of that name. */
function typeOf(name: string, body: string, code: string, sources: Sources): string[] {
  const property = new RegExp(`\\b${name}\\??: ([^;,\\n})]+)`)
  const signature = body.slice(0, body.search(/\{\n|=> \(?sql/))
  const [, inline] = property.exec(signature) ?? []
  const types = [...signature.matchAll(/: (\w+)(?:\[\])?/g)].map(([, type = ""]) => blockOf(type, code))
  const declared = types.flatMap((block) => property.exec(block)?.[1] ?? [])
  const all = [...code.matchAll(new RegExp(property, "g"))]
    .map(([, type = ""]) => type)
    .filter((type) => type.startsWith('"'))
  const [type] = [...(inline ? [inline] : []), ...declared, ...all]
  return type === undefined ? [] : named(type, sources)
}

function named(type: string, sources: Sources): string[] {
  const literals = quoted(type)
  if (literals.length > 0) return literals
  const declaration = new RegExp(`\\btype ${type.trim()} = ([^\\n]+)`)
  for (const text of sources.values()) {
    const found = quoted(declaration.exec(text)?.[1] ?? "")
    if (found.length > 0) return found
  }
  return []
}

/** The interface or type of that name, in this file. */
function blockOf(type: string, code: string): string {
  return new RegExp(`\\b(?:interface|type) ${type}\\b[^{]*\\{[\\s\\S]*?\\n?\\}`).exec(code)?.[0] ?? ""
}

const quoted = (text: string): string[] => [...text.matchAll(/"(\w+)"/g)].map(([, state = ""]) => state)
const literalsIn = (text: string): string[] => [...text.matchAll(/'(\w+)'/g)].map(([, state = ""]) => state)
const flat = (sql: string): string =>
  sql
    .replaceAll(/--[^\n]*/g, "")
    .replaceAll(/\s+/g, " ")
    .trim()

/** The rows of the page's tables, as `transitionsIn` writes them; of each machine its heading is the table. */
function transitionsOn(page: string): Set<string> {
  const rows = new Set<string>()
  for (const section of page.split(/^## /m).slice(1)) {
    const [table = ""] = section.split(/\W/, 1)
    for (const [, from = "", to = "", by = ""] of section.matchAll(/^\| ([^|]+) \| ([^|]+) \| `([^|`]+)` \|/gm))
      for (const one of from.split(","))
        for (const next of to.split(",")) rows.add(`${table}: ${one.trim()} -> ${next.trim()}, by src/${by}`)
  }
  return rows
}

/** The arrows of the page's drawings, as `table: from -> to`. */
function drawnOn(page: string): Set<string> {
  const arrows = new Set<string>()
  for (const section of page.split(/^## /m).slice(1)) {
    const [table = ""] = section.split(/\W/, 1)
    for (const [, from = "", to = ""] of section.matchAll(/^ {2}(\S+) --> (\w+)$/gm))
      arrows.add(`${table}: ${from === "[*]" ? NEW : from} -> ${to}`)
  }
  return arrows
}

/** What is wrong, as sentences: code against page both ways, drawing against table, states that nobody sets or the schema refuses. */
export function stateBreaches(sources: Sources, page: string): string[] {
  const machines = machinesOf(new Map([...sources].filter(([path]) => path.startsWith("src/db/schema/"))))
  const code = transitionsIn(sources, machines)
  const listed = transitionsOn(page)
  const arrows = drawnOn(page)
  const bare = new Set([...listed].map((row) => row.replace(/, by .*/, "")))
  return [
    ...[...code].filter((row) => !listed.has(row)).map((row) => `not on the page: ${row}`),
    ...[...listed].filter((row) => !code.has(row)).map((row) => `no statement does it: ${row}`),
    ...[...bare].filter((row) => !arrows.has(row)).map((row) => `not drawn: ${row}`),
    ...[...arrows].filter((row) => !bare.has(row)).map((row) => `drawn, and not in the table: ${row}`),
    ...[...machines].flatMap(([table, { states }]) => {
      const set = new Set(
        [...code].filter((row) => row.startsWith(`${table}:`)).map((row) => /-> (\w+)/.exec(row)?.[1] ?? ""),
      )
      return [
        ...states.filter((state) => !set.has(state)).map((state) => `nobody sets ${table}.state to ${state}`),
        ...[...set]
          .filter((state) => !states.includes(state))
          .map((state) => `the schema refuses ${table}.state ${state}`),
      ]
    }),
  ]
}
