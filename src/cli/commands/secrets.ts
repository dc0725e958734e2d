/**
 * Secrets: names and bindings in the vault. A value comes in on standard input only, or from a prompt that does not show
 * it; it is never an argument, never printed, and not part of any message.
 */
import { createInterface } from "node:readline/promises"
import { Writable } from "node:stream"
import { type Command, Option } from "commander"
import { Misconfigured } from "../../base/errors.ts"
import { SECRET_MAX, type SecretRow, secretName, secretsAnswer } from "../../contract/installation/secrets.ts"
import { noBody } from "../client.ts"
import { type AddCommands, type CliSession, show } from "../session.ts"
import { type TableColumn, table } from "../terminal.ts"
import { when } from "./figures.ts"

const COLUMNS: TableColumn<SecretRow>[] = [
  { title: "NAME", cell: (secret) => secret.name },
  { title: "HOSTS", cell: (secret) => secret.hosts.join(" ") || "-" },
  { title: "TOOLS", cell: (secret) => secret.tools.join(" ") || "-" },
  { title: "CHANGED", cell: (secret) => when(secret.updatedAt) },
  {
    title: "LAST USED",
    cell: (secret) => (secret.lastUse ? `${when(secret.lastUse.at)} ${secret.lastUse.tool}` : "never"),
  },
]

export const addSecretCommands: AddCommands = (program, act) => {
  const secrets = program.command("secrets").description("names of stored secrets and who may use them; never values")

  secrets
    .command("list", { isDefault: true })
    .description("what is stored, where it may be used, when it last was")
    .action(
      act(async (session) => {
        await show(session, "/api/v1/secrets", secretsAnswer, ({ secrets: rows }, terminal) => {
          if (rows.length === 0) terminal.say("No secrets are stored. Add one with: vigil secrets set NAME")
          else table(terminal, rows, COLUMNS)
        })
        return 0
      }),
    )

  const several = (value: string, before: string[] = []) => [...before, value]
  secrets
    .command("set")
    .argument("<name>")
    .description("store a value read from standard input, or typed unseen")
    .option("--host <host>", "may be sent to this host; repeatable", several)
    .option("--tool <tool>", "may be used by this tool; repeatable", several)
    // Known so that they can be refused: commander would print what it does not know, and that may be the value.
    .allowExcessArguments(true)
    .addOption(new Option("--value [value]").hideHelp())
    .action(act(setSecret))

  secrets
    .command("remove")
    .argument("<name>")
    .description("delete a stored value")
    .action(
      act(async (session, command) => {
        const name = nameOf(command)
        await session.client().send("DELETE", `/api/v1/secrets/${name}`, undefined, noBody)
        if (session.terminal.json) session.terminal.document({ ok: true, name, removed: true })
        else session.terminal.say(`Removed ${name}.`)
        return 0
      }),
    )
}

async function setSecret(session: CliSession, command: Command): Promise<number> {
  const options = command.opts<{ host?: string[]; tool?: string[]; value?: unknown }>()
  const name = nameOf(command)
  if (options.value !== undefined || command.args.length > 1) {
    throw new Misconfigured("a value on the command line can be read by others on this machine, so it was not used", {
      code: "value_in_arguments",
      fix: `consider that value known, make a new one, then give it on standard input: vigil secrets set ${name} < file`,
    })
  }
  const client = session.client()
  const value = await readValue(session, name)
  const bindings = {
    ...(options.host ? { hosts: options.host } : {}),
    ...(options.tool ? { tools: options.tool } : {}),
  }
  await client.send("PUT", `/api/v1/secrets/${name}`, { value, ...bindings }, noBody)
  if (session.terminal.json) session.terminal.document({ ok: true, name, ...bindings })
  else session.terminal.say(`Stored ${name}. A channel or model that is set up with it reads it at the next start.`)
  return 0
}

/** A name, or a refusal that does not repeat what was given: it may be `NAME=value`. */
function nameOf(command: Command): string {
  const name = command.args[0] ?? ""
  if (secretName.safeParse(name).success) return name
  throw new Misconfigured("a secret's name is capital letters, digits and _, and begins with a letter", {
    code: "bad_name",
    fix: "give the name only, and the value on standard input: vigil secrets set NAME < file",
  })
}

async function readValue(session: CliSession, name: string): Promise<string> {
  const { stdin } = session.terminal
  const value = stdin.isTTY ? await prompted(session, name) : (await readAll(stdin)).replace(/\r?\n$/, "")
  if (value !== "") return value
  throw new Misconfigured(`no value for ${name} came on standard input`, {
    code: "no_value",
    fix: `pipe it in: printf %s "$VALUE" | vigil secrets set ${name}`,
  })
}

async function readAll(stdin: NodeJS.ReadStream): Promise<string> {
  stdin.setEncoding("utf8")
  let text = ""
  for await (const chunk of stdin) {
    text += chunk
    if (text.length > SECRET_MAX) {
      throw new Misconfigured(`the value is longer than ${SECRET_MAX} characters`, {
        code: "value_too_long",
        fix: "give the secret itself, not a file that contains it",
      })
    }
  }
  return text
}

/** What is typed goes nowhere but into the answer. */
async function prompted({ terminal }: CliSession, name: string): Promise<string> {
  terminal.stderr.write(`Value of ${name} (not shown): `)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: terminal.stdin, output: nowhere, terminal: true })
  const gaveUp = new AbortController()
  lines.once("SIGINT", () => gaveUp.abort())
  lines.once("close", () => gaveUp.abort())
  try {
    return await lines.question("", { signal: gaveUp.signal })
  } catch (cause) {
    throw new Misconfigured(`no value was given for ${name}`, { code: "no_value", fix: "type or paste it", cause })
  } finally {
    lines.close()
    terminal.say("")
  }
}
