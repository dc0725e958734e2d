/** A person at a terminal: what they type, and all that they are shown. */
import { PassThrough } from "node:stream"
import type { TerminalStreams } from "../../src/cli/terminal.ts"

export interface Person {
  streams: TerminalStreams
  type(text: string): void
  /** Ctrl-D on an empty line. */
  leave(): void
  shown(): string
  /** Resolves once `text` was shown, `times` times. */
  shows(text: string, times?: number): Promise<void>
}

export function startTerminal(): Person {
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  let all = ""
  const waiting = new Set<() => void>()
  const screen = () =>
    new PassThrough().on("data", (chunk: Buffer) => {
      all += chunk.toString()
      for (const look of waiting) look()
    })
  // A PassThrough has of a terminal what the command line uses of it.
  const streams = { stdin, stdout: screen(), stderr: screen() } as unknown as TerminalStreams
  return {
    streams,
    type: (text) => void stdin.write(text),
    leave: () => void stdin.end(),
    shown: () => all,
    shows: (text, times = 1) =>
      new Promise((resolve) => {
        const look = () => {
          if (all.split(text).length <= times) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}
