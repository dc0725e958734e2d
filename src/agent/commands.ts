/** Commands: what a person types with a slash. Run in order with the messages, by code: the same on every channel, with or without a model. */

import { commandOf, messagePayload } from "../thread/event.ts"
import type { Handler, Job } from "./job.ts"

export interface Command {
  name: string
  /** What follows the name, for /help. */
  usage?: string
  help: string
  /** Answers in plain text. */
  run(job: Job, rest: string): Promise<string>
}

export function createCommands(commands: Command[]): Handler {
  const help: Command = { name: "help", help: "this list", run: async () => helpText([...commands, help]) }
  const all = [...commands, help]
  const byName = new Map(all.map((command) => [command.name, command]))
  return {
    takesMore: false,
    async run(job) {
      const { text } = messagePayload.parse(job.run.events[0]?.payload)
      const { name, rest } = commandOf(text) ?? { name: "", rest: "" }
      const command = byName.get(name)
      const reply = await job.steps.note<string>(`/${name}`, async () =>
        command ? command.run(job, rest) : `I do not know /${name}.\n${helpText(all)}`,
      )
      return { model: null, posts: [{ threadId: job.thread.id, dedupeKey: `run:${job.run.id}:reply`, text: reply }] }
    },
  }
}

function helpText(commands: Command[]): string {
  return commands.map((c) => `/${c.name}${c.usage ? ` ${c.usage}` : ""}: ${c.help}`).join("\n")
}
