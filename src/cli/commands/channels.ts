/** Channels: where it can be reached, whether that works, letting providers deliver here, letting people in. */
import { type ChannelReport, channelSetupAnswer, channelsAnswer } from "../../contract/installation/channels.ts"
import type { AddCommands, CliSession } from "../session.ts"
import { plain, type TableColumn, table } from "../terminal.ts"
import { when } from "./figures.ts"
import { addPairingCommand } from "./pairing.ts"

const COLUMNS: TableColumn<ChannelReport>[] = [
  { title: "CHANNEL", cell: (channel) => channel.id },
  { title: "STATE", cell: stateOf },
  { title: "IN BY", cell: ({ takes }) => takes ?? "-" },
  { title: "LAST IN", cell: ({ lastInAt }) => when(lastInAt) },
  { title: "LAST OUT", cell: ({ lastOutAt }) => when(lastOutAt) },
  { title: "WAIT", cell: ({ waiting }) => String(waiting), right: true },
  { title: "FAILED", cell: ({ failed }) => String(failed), right: true },
  { title: "DETAIL", cell: ({ detail }) => detail, width: 80 },
]

export const addChannelCommands: AddCommands = (program, act) => {
  const channels = program
    .command("channels")
    .description("where it can be reached, what went through, and what is wrong")
    .action(act(list))
  addPairingCommand(channels, act)
  channels
    .command("setup")
    .argument("<id>", "telegram or sms")
    .description("let its provider deliver messages to PUBLIC_URL")
    .action(
      act(async ({ client, terminal }, command) => {
        const path = `/api/v1/channels/${encodeURIComponent(command.args[0] ?? "")}/setup`
        const answer = await client().send("POST", path, undefined, channelSetupAnswer, { timeoutMs: SET_UP_MS })
        if (terminal.json) terminal.document(answer)
        else for (const line of answer.done) terminal.print(plain(line))
        return 0
      }),
    )
}

const SET_UP_MS = 45_000

async function list({ client, terminal }: CliSession): Promise<number> {
  const answer = await client().get("/api/v1/channels", channelsAnswer)
  if (terminal.json) {
    terminal.document(answer)
    return 0
  }
  table(terminal, answer.channels, COLUMNS)
  for (const { id, findings } of answer.channels)
    for (const { severity, message, fix } of findings)
      terminal.print(`${id}: ${severity}: ${plain(message)}\n  fix: ${plain(fix)}`)
  return 0
}

function stateOf({ state, paused }: ChannelReport): string {
  return paused ? `paused until ${when(paused.until)}` : state
}
