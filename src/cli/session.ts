/** Session: what every command is given. Settings are read, and the client made, only by a command that needs the server. */
import type { Command } from "commander"
import { InvalidArgumentError } from "commander"
import type { z } from "zod"
import type { Clock } from "../base/clock.ts"
import type { NewId } from "../base/ids.ts"
import type { Environment } from "../config/config.ts"
import type { Client } from "./client.ts"
import type { Settings } from "./settings.ts"
import type { Terminal } from "./terminal.ts"

export interface CliSession {
  readonly terminal: Terminal
  readonly env: Environment
  readonly clock: Clock
  readonly newId: NewId
  /** Throws `Misconfigured`. */
  settings(): Settings
  /** Throws `Misconfigured`. */
  client(): Client
}

/** Adds commands to `program`; `act` turns what a command does into what commander calls. */
export type AddCommands = (program: Command, act: CommandAction) => void

/** The arguments and options, as text, follow the session. */
export type CommandAction = (
  work: (session: CliSession, command: Command) => Promise<number | undefined>,
) => (...args: unknown[]) => Promise<void>

/** Reads a document and shows it: whole with `--json`, else by `render`. */
export async function show<Schema extends z.ZodType>(
  session: CliSession,
  path: string,
  schema: Schema,
  render: (value: z.output<Schema>, terminal: Terminal) => void,
): Promise<void> {
  const value = await session.client().get(path, schema)
  if (session.terminal.json) session.terminal.document(value)
  else render(value, session.terminal)
}

/** For `option(...)`: a whole number from `min` to `max`. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`)
  }
}
