/**
 * Log: one line for each event, with a name and fields, as JSON on stderr. No secret is written, even when it stands in a
 * field or an error message, because each line passes the scrubber first.
 */
import { type DestinationStream, pino } from "pino"
import { codeOf, messageOf, VigilError } from "./errors.ts"

export type Fields = Record<string, unknown> & { error?: unknown }

export interface Log {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
}

export interface LogOptions {
  level: "debug" | "info" | "warn" | "error" | "silent"
  /** Takes secrets out of a whole line. */
  scrub: (line: string) => string
  /** Where lines go; stderr by default. */
  out?: (line: string) => void
}

export function createLog({ level, scrub, out = (line) => void process.stderr.write(line) }: LogOptions): Log {
  const sink: DestinationStream = { write: (line) => out(scrub(line)) }
  const logger = pino({ level, base: null, messageKey: "event", timestamp: pino.stdTimeFunctions.isoTime }, sink)
  const line =
    (at: "debug" | "info" | "warn" | "error") =>
    (event: string, fields: Fields = {}) => {
      const { error, ...rest } = fields
      logger[at](error === undefined ? rest : { ...rest, ...describe(error) }, event)
    }
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") }
}

/** An error as log fields: code, message, fix and cause. Only an unexpected error has a stack. */
function describe(error: unknown): Record<string, unknown> {
  const cause = error instanceof Error ? error.cause : undefined
  return {
    code: codeOf(error),
    message: messageOf(error),
    ...(error instanceof VigilError && error.fix ? { fix: error.fix } : {}),
    ...(cause === undefined ? {} : { cause: messageOf(cause) }),
    ...(error instanceof VigilError || !(error instanceof Error) ? {} : { stack: error.stack }),
  }
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
