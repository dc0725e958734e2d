/**
 * Installation: the one-time link that lets the owner's browser in, what is set up in that browser, and the demo that shows
 * triage without an account.
 */
import { type Command, InvalidArgumentError } from "commander"
import { linkAnswer } from "../../contract/installation/people.ts"
import { demoAnswer } from "../../contract/work/demo.ts"
import type { AddCommands, CliSession } from "../session.ts"
import { plain } from "../terminal.ts"

/** A demo asks a model about each of its issues, one after the other. */
const DEMO_MS = 300_000

export const addInstallationCommands: AddCommands = (program, act) => {
  program
    .command("link")
    .description("make a new one-time link to the dashboard; keep it to yourself")
    .action(
      act(async ({ client, terminal }) => {
        const link = await client().send("POST", "/api/v1/link", undefined, linkAnswer)
        if (terminal.json) terminal.document(link)
        else {
          terminal.print(plain(link.url))
          terminal.say(`It works once, within ${link.expiresInMinutes} minutes.`)
        }
        return 0
      }),
    )

  program
    .command("setup")
    .description("set up what needs a browser")
    .command("github")
    .description("make a GitHub App of your own; its key and its webhook's secret go into the vault")
    .option("--org <name>", "the organization that shall own it; your own account without it", organization)
    .action(act(setUpGitHub))

  program
    .command("demo")
    .description("triage the issues of a made-up repository, and show the digest they end in")
    .action(
      act(async ({ client, terminal }) => {
        terminal.say("Triaging the demo's issues ...")
        const demo = await client().send("POST", "/api/v1/demo", undefined, demoAnswer, { timeoutMs: DEMO_MS })
        if (terminal.json) terminal.document(demo)
        else {
          terminal.print(plain(demo.digest))
          const { issues, applied, pending, segments } = demo
          terminal.say(`${issues} issues: ${applied} decided, ${pending} wait for you, ${segments} SMS segments.`)
          if (demo.pending > 0) terminal.say("See them with: vigil approvals")
        }
        return 0
      }),
    )
}

async function setUpGitHub({ client, terminal }: CliSession, command: Command): Promise<number> {
  const { org } = command.opts<{ org?: string }>()
  const { url, expiresInMinutes } = await client().send("POST", "/api/v1/link", undefined, linkAnswer)
  const page = `${new URL(url).origin}/setup/github${org === undefined ? "" : `?org=${org}`}`
  if (terminal.json) terminal.document({ signIn: url, page })
  else {
    terminal.say(
      `Sign in with the first link, which works once, within ${expiresInMinutes} minutes, and go on with the second:`,
    )
    terminal.print(plain(url))
    terminal.print(plain(page))
  }
  return 0
}

function organization(text: string): string {
  if (/^[a-z\d][a-z\d-]{0,38}$/i.test(text)) return text
  throw new InvalidArgumentError("Give the organization's name, as in its address at GitHub.")
}
