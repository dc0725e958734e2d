/** Chat: talk to the agent. Line by line in a terminal, where it may also speak first; one message a line from a pipe. */
import { clearLine, cursorTo } from "node:readline"
import { createInterface, type Interface } from "node:readline/promises"
import type { Command } from "commander"
import { Misconfigured, VigilError } from "../../base/errors.ts"
import type { ConversationMessage } from "../../contract/conversation/messages.ts"
import { sayError } from "../report.ts"
import { type AddCommands, type CliSession, whole } from "../session.ts"
import { plain, type Terminal } from "../terminal.ts"
import { type Asking, ask, type RepliedAnswer } from "./ask.ts"
import { follow } from "./follow.ts"

const WAIT_SECONDS = 60

interface ChatOptions extends Asking {
  message?: string
}

export const addChatCommand: AddCommands = (program, act) => {
  program
    .command("chat")
    .description("talk to the agent: by line in a terminal, one message a line from a pipe")
    .option("-m, --message <text>", "send one message, print the reply, and end")
    .option("--thread <id>", "continue this conversation")
    .option("--wait <seconds>", "how long to wait for a reply", whole(1, 600), WAIT_SECONDS)
    .action(act(chat))
}

async function chat(session: CliSession, command: Command): Promise<number> {
  const options = command.opts<ChatOptions>()
  const { terminal } = session
  if (options.message !== undefined) return once(session, options.message, options)
  return terminal.stdin.isTTY && !terminal.json ? converse(session, options) : pipe(session, options)
}

async function once(session: CliSession, text: string, options: ChatOptions): Promise<number> {
  if (text.trim() === "") {
    throw new Misconfigured("the message is empty", {
      code: "empty_message",
      fix: 'say something: vigil chat -m "hello"',
    })
  }
  const answer = await ask(session, text, options)
  if (session.terminal.json) session.terminal.document(answer)
  else session.terminal.print(plain(answer.reply))
  return 0
}

async function pipe(session: CliSession, options: ChatOptions): Promise<number> {
  const messages: RepliedAnswer[] = []
  let { thread } = options
  for await (const line of createInterface({ input: session.terminal.stdin })) {
    if (line.trim() === "") continue
    const answer = await ask(session, line, { ...options, thread })
    thread = answer.thread
    messages.push(answer)
    if (!session.terminal.json) session.terminal.print(plain(answer.reply))
  }
  if (session.terminal.json) session.terminal.document({ messages })
  return 0
}

async function converse(session: CliSession, options: ChatOptions): Promise<number> {
  const { terminal } = session
  const lines = createInterface({ input: terminal.stdin, output: terminal.stderr, prompt: "you    " })
  const over = new AbortController()
  lines.once("close", () => over.abort())
  const exchange = createExchange(session, lines)
  let { thread } = options
  let followed: string | undefined
  terminal.say("Talking to Vigil. /help lists what it understands; Ctrl-D ends.")
  lines.prompt()
  for await (const line of lines) {
    const answer = line.trim() === "" ? null : await exchange.say(line, { ...options, thread, signal: over.signal })
    thread = answer?.thread ?? thread
    if (thread !== undefined && thread !== followed) {
      void follow(session.client(), thread, over.signal, exchange.hear)
      followed = thread
    }
    if (!over.signal.aborted) lines.prompt()
  }
  return 0
}

/** Shows each reply once, though it arrives twice: as the answer to a message and in the stream of the conversation. */
function createExchange(session: CliSession, lines: Interface) {
  const { terminal } = session
  const answered = new Map<string, string>()
  let held: ConversationMessage[] | null = null
  const show = (text: string) => {
    clearLine(terminal.stderr, 0)
    cursorTo(terminal.stderr, 0)
    terminal.print(`${terminal.paint("green", "vigil")}  ${plain(text).replaceAll("\n", "\n       ")}`)
  }
  const isShown = ({ runId, text }: ConversationMessage) => Boolean(runId && answered.get(runId)?.includes(text))
  return {
    hear(message: ConversationMessage): void {
      if (held) held.push(message)
      else if (!isShown(message)) {
        show(message.text)
        lines.prompt(true)
      }
    },
    async say(text: string, asking: Asking): Promise<RepliedAnswer | null> {
      held = []
      const answer = await ask(session, text, asking).catch(failed(terminal, asking.signal))
      if (answer?.run) answered.set(answer.run, answer.reply)
      if (answer) show(answer.reply)
      const waiting = held.filter((message) => !isShown(message))
      held = null
      for (const message of waiting) show(message.text)
      return answer
    },
  }
}

/** A conversation outlives a failed message; what is not ours to explain ends it. */
function failed(terminal: Terminal, signal: AbortSignal | undefined) {
  return (error: unknown): null => {
    if (signal?.aborted) return null
    if (!(error instanceof VigilError)) throw error
    sayError(terminal, error)
    return null
  }
}
