/** Commands: what a person types with a slash. Run in order with the messages, by code: the same on every channel, with or without a model. */

import { describe } from "../../channels/attachment.ts"
import { readMessage } from "../../thread/inbox/event.ts"
import type { Handler, RunContext } from "../durable/run-context.ts"

export interface ChatCommand {
  name: string
  /** What follows the name, for /help. */
  usage?: string
  help: string
  /** Members of the household may not use it, and are not told of it. */
  ownerOnly?: boolean
  /** The answer holds a secret of ten minutes: the journal, which never forgets, keeps only that it was given. */
  hidesAnswer?: boolean
  /** The answer is no Markdown. */
  answersPlain?: boolean
  /** Answers in plain text. */
  run(context: RunContext, rest: string): Promise<string>
}

/** How long a hidden answer is a secret. */
const SECRET_MS = 10 * 60_000

/** What Telegram has everybody say first. */
const HELLO = "Hello, I am Vigil. Write what you need in your own words, or use a command:"

export function createCommands(commands: ChatCommand[]): Handler {
  const help: ChatCommand = { name: "help", help: "this list", run: async (context) => helpText(open(context, all)) }
  const all = [...commands, help]
  const start: ChatCommand = {
    ...help,
    name: "start",
    run: async (context) => `${HELLO}\n${helpText(open(context, all))}`,
  }
  const byName = new Map([...all, start].map((command) => [command.name, command]))
  return {
    takesMore: false,
    async run(context) {
      const { meaning, attachments = [] } = readMessage(context.run.events[0]?.payload)
      const { name, rest } = meaning.kind === "command" ? meaning : { name: "", rest: "" }
      const command = byName.get(name)
      const answer = async () => {
        if (!command) return `I do not know /${name}.\n${helpText(open(context, all))}`
        return isOpen(context, command) ? command.run(context, rest) : `/${name} is for the owner.`
      }
      const hidden = command?.hidesAnswer ? await answer() : null
      const noted = await context.steps.note<string>(`/${name}`, hidden === null ? answer : async () => "(not kept)")
      const passed = attachments.map((one) => `\n(${describe(one)}: not looked at, a command takes none)`).join("")
      const reply = (hidden ?? noted) + passed
      const plain = command?.answersPlain ? { plain: true } : {}
      const forgetAt = hidden === null ? {} : { forgetAt: new Date(context.now().getTime() + SECRET_MS) }
      const post = {
        threadId: context.thread.id,
        dedupeKey: `run:${context.run.id}:reply`,
        text: reply,
        ...forgetAt,
        ...plain,
      }
      return { model: null, posts: [post] }
    },
  }
}

function isOpen({ person }: RunContext, { ownerOnly }: ChatCommand): boolean {
  return !ownerOnly || person.role === "owner"
}

function open(context: RunContext, commands: ChatCommand[]): ChatCommand[] {
  return commands.filter((command) => isOpen(context, command))
}

function helpText(commands: ChatCommand[]): string {
  return commands.map((c) => `/${c.name}${c.usage ? ` ${c.usage}` : ""}: ${c.help}`).join("\n")
}
