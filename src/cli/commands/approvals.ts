/** Approvals: what waits for the owner's word. The code and the verb are sent; what is executed is the server's stored row. */
import { approvalSchema, approvalsAnswer } from "../../contract/conversation/approvals.ts"
import { type AddCommands, type CommandAction, show } from "../session.ts"
import { plain } from "../terminal.ts"
import { when } from "./figures.ts"

export const addApprovalCommands: AddCommands = (program, act) => {
  const approvals = program.command("approvals").description("what waits for your word")

  approvals
    .command("list", { isDefault: true })
    .description("open questions, each with its code")
    .action(
      act(async (session) => {
        await show(session, "/api/v1/approvals", approvalsAnswer, ({ approvals: rows }, terminal) => {
          if (rows.length === 0) terminal.say("Nothing waits for your word.")
          for (const row of rows) {
            terminal.print(
              `${terminal.paint("bold", plain(row.code))}  ${plain(row.display).replaceAll("\n", "\n    ")}`,
            )
            terminal.print(terminal.paint("dim", `    asked ${when(row.createdAt)}, expires ${when(row.expiresAt)}`))
          }
          if (rows.length > 0)
            terminal.say("Answer with: vigil approvals approve CODE, deny CODE, or change CODE WORDS")
        })
        return 0
      }),
    )

  for (const verb of ["approve", "deny"] as const) {
    approvals
      .command(verb)
      .argument("<code>")
      .description(`${verb} one`)
      .action(answer(act, () => ({ verdict: VERDICTS[verb] })))
  }
  approvals
    .command("change")
    .argument("<code>")
    .argument("<words...>")
    .description("do not approve one, and say what to do instead")
    .action(answer(act, (words) => ({ verdict: "change", words: words.join(" ") })))
}

const VERDICTS = { approve: "yes", deny: "no" } as const

function answer(act: CommandAction, bodyOf: (words: string[]) => object) {
  return act(async (session, command) => {
    const [first = "", ...words] = command.args
    const code = first.toUpperCase()
    const path = `/api/v1/approvals/${encodeURIComponent(code)}`
    const decided = await session.client().send("POST", path, bodyOf(words), approvalSchema)
    if (session.terminal.json) session.terminal.document(decided)
    else session.terminal.print(plain(`${decided.code} is ${decided.state}.`))
    return 0
  })
}
