/** Hooks: addresses that other programs post to, each starting what the owner laid down. A secret is shown once. */
import { readFileSync } from "node:fs"
import type { Command } from "commander"
import { Misconfigured, messageOf } from "../../base/errors.ts"
import { type HookRow, hookMadeAnswer, hooksAnswer } from "../../contract/installation/hooks.ts"
import { noBody } from "../client.ts"
import { type AddCommands, type CliSession, show } from "../session.ts"
import { plain, type TableColumn, table } from "../terminal.ts"
import { when } from "./figures.ts"

const COLUMNS: TableColumn<HookRow>[] = [
  { title: "NAME", cell: ({ name }) => name },
  { title: "DOES", cell: ({ action }) => action.kind },
  { title: "TEXT", cell: ({ action }) => action.text },
  { title: "TOOLS", cell: ({ grants }) => grants.map(({ tool }) => tool).join(" ") || "-" },
  { title: "CHANGED", cell: ({ updatedAt }) => when(updatedAt) },
]

export const addHookCommands: AddCommands = (program, act) => {
  const hooks = program.command("hooks").description("webhooks of your own: other programs post, Vigil acts")
  hooks
    .command("list", { isDefault: true })
    .description("what is there and what it does")
    .action(
      act(async (session) => {
        await show(session, "/api/v1/hooks", hooksAnswer, ({ hooks: rows }, terminal) => {
          if (rows.length > 0) table(terminal, rows, COLUMNS)
          else terminal.say('None yet. Make one: vigil hooks add deploy --say "Deployed: {{payload}}"')
        })
        return 0
      }),
    )
  hooks
    .command("add")
    .argument("<name>")
    .description("make or change one; {{payload}} in the text stands for what is posted")
    .option("--say <text>", "send this text to me")
    .option("--do <text>", "do this, as if I had asked for it, with the tools given here only")
    .option("--tool <tool>", "may be used; repeatable", (value: string, before: string[] = []) => [...before, value])
    .option("--schema <file>", "JSON Schema that what is posted must fit")
    .action(act(addHook))
  hooks
    .command("remove")
    .argument("<name>")
    .description("delete one and its secret")
    .action(
      act(async (session, command) => {
        const name = command.args[0] ?? ""
        await session.client().send("DELETE", `/api/v1/hooks/${encodeURIComponent(name)}`, undefined, noBody)
        if (session.terminal.json) session.terminal.document({ ok: true, name, removed: true })
        else session.terminal.say(plain(`Removed ${name}.`))
        return 0
      }),
    )
}

async function addHook({ terminal, client }: CliSession, command: Command): Promise<number> {
  const {
    say,
    do: work,
    tool = [],
    schema,
  } = command.opts<{ say?: string; do?: string; tool?: string[]; schema?: string }>()
  const text = say ?? work
  if (text === undefined || (say !== undefined && work !== undefined)) {
    throw new Misconfigured("a webhook says or does one thing", {
      code: "no_action",
      fix: "give one of --say and --do",
    })
  }
  const name = command.args[0] ?? ""
  const body = {
    action: { kind: say === undefined ? "do" : "say", text },
    grants: tool.map((one) => ({ tool: one })),
    ...(schema === undefined ? {} : { schema: readSchema(schema) }),
  }
  const made = await client().send("PUT", `/api/v1/hooks/${encodeURIComponent(name)}`, body, hookMadeAnswer)
  if (terminal.json) terminal.document(made)
  else {
    terminal.print(made.path)
    if (made.secret === null) terminal.say(`Changed ${name}; its secret is as before.`)
    else {
      terminal.print(made.secret)
      terminal.say("The second line is its secret, shown only now. Sign each post with it:")
      terminal.say("X-Vigil-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of t.body>")
    }
  }
  return 0
}

function readSchema(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"))
  } catch (cause) {
    throw new Misconfigured(`no JSON can be read from ${path}: ${messageOf(cause)}`, {
      code: "bad_schema",
      fix: "give a file with a JSON Schema",
      cause,
    })
  }
}
