/** Installation: the one-time link that lets the owner's browser in, and the demo that shows triage without an account. */
import type { AddCommands } from "./session.ts"
import { demoSchema, linkSchema } from "./shapes.ts"
import { plain } from "./terminal.ts"

/** A demo asks a model about each of its issues, one after the other. */
const DEMO_MS = 300_000

export const addInstallation: AddCommands = (program, act) => {
  program
    .command("link")
    .description("make a new one-time link to the dashboard; keep it to yourself")
    .action(
      act(async ({ client, terminal }) => {
        const link = await client().send("POST", "/api/v1/link", undefined, linkSchema)
        if (terminal.json) terminal.document(link)
        else {
          terminal.print(plain(link.url))
          terminal.say(`It works once${link.expiresInMinutes ? `, within ${link.expiresInMinutes} minutes` : ""}.`)
        }
        return 0
      }),
    )

  program
    .command("demo")
    .description("triage the issues of a made-up repository, and show the digest they end in")
    .action(
      act(async ({ client, terminal }) => {
        terminal.say("Triaging the demo's issues ...")
        const demo = await client().send("POST", "/api/v1/demo", undefined, demoSchema, { timeoutMs: DEMO_MS })
        if (terminal.json) terminal.document(demo)
        else {
          terminal.print(plain(demo.digest))
          const segments = demo.segments ? `, ${demo.segments} SMS segments` : ""
          terminal.say(`${demo.issues} issues: ${demo.applied} decided, ${demo.pending} wait for you${segments}.`)
          if (demo.pending > 0) terminal.say("See them with: vigil approvals")
        }
        return 0
      }),
    )
}
