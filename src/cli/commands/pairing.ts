/** Pairing: a code for a new person, or for another address of someone known. It is shown here and nowhere kept. */
import { pairingAnswer } from "../../contract/installation/people.ts"
import type { AddCommands } from "../session.ts"
import { plain } from "../terminal.ts"
import { when } from "./figures.ts"

export const addPairingCommand: AddCommands = (channels, act) => {
  channels
    .command("pair")
    .argument("[name]", '"me" for another address of yours, or a name')
    .description("make a code that lets someone talk to it, by Telegram or SMS")
    .action(
      act(async ({ client, terminal }, command) => {
        const name = command.args[0] ?? ""
        const pairing = await client().send("POST", "/api/v1/pairings", { name }, pairingAnswer)
        if (terminal.json) terminal.document(pairing)
        else {
          terminal.print(plain(pairing.code))
          terminal.say(
            `Whoever texts exactly this is ${plain(pairing.person)}. It works once, until ${when(pairing.expiresAt)}.`,
          )
        }
        return 0
      }),
    )
}
