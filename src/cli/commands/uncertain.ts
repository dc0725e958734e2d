/** Uncertain deliveries: messages that may not have arrived, and the owner's word on each. The command is `doubts`. */

import { uncertainAnswer } from "../../contract/conversation/uncertain-deliveries.ts"
import { doneAnswer } from "../../contract/problem.ts"
import { type AddCommands, show } from "../session.ts"
import { plain, short } from "../terminal.ts"
import { when } from "./figures.ts"

/** What each word means to the server. */
const VERBS = [
  ["arrived", "yes", "it did arrive"],
  ["again", "again", "send it once more"],
  ["leave", "no", "it is not needed any more"],
] as const

export const addUncertainCommands: AddCommands = (program, act) => {
  const doubts = program.command("doubts").description("messages that may not have arrived")

  doubts
    .command("list", { isDefault: true })
    .description("each with its id")
    .action(
      act(async (session) => {
        await show(session, "/api/v1/doubts", uncertainAnswer, ({ doubts: rows }, terminal) => {
          if (rows.length === 0) terminal.say("Every message is known to have arrived or not.")
          for (const row of rows) {
            terminal.print(`${terminal.paint("bold", plain(row.id))}  ${plain(row.channel)}, ${when(row.createdAt)}`)
            terminal.print(`    ${short(plain(row.text), 100)}`)
            terminal.print(terminal.paint("dim", `    ${plain(row.reason)}`))
          }
          if (rows.length > 0) terminal.say("Say which: vigil doubts arrived ID, again ID, or leave ID")
        })
        return 0
      }),
    )

  for (const [verb, verdict, description] of VERBS) {
    doubts
      .command(verb)
      .argument("<id>")
      .description(description)
      .action(
        act(async (session, command) => {
          const path = `/api/v1/doubts/${encodeURIComponent(command.args[0] ?? "")}`
          const done = await session.client().send("POST", path, { verdict }, doneAnswer)
          if (session.terminal.json) session.terminal.document(done)
          else session.terminal.say(verdict === "again" ? "It is sent once more." : "Noted.")
          return 0
        }),
      )
  }
}
