/** Report: what went wrong, for people on stderr or as the one document of `--json`, and the exit code it means. */
import { CommanderError } from "commander"
import { codeOf, Misconfigured, messageOf, VigilError } from "../base/errors.ts"
import { plain, type Terminal } from "./terminal.ts"

/** 0: done. 1: what was asked for failed. 2: wrong usage or configuration. */
export type ExitCode = 0 | 1 | 2

/** Says what `error` is and returns its exit code. Help and version are thrown by commander too, and are no failures. */
export function reportError(terminal: Terminal, error: unknown): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  const { code, message, fix } = describe(error)
  if (terminal.json) terminal.document({ ok: false, error: { code, message, ...(fix ? { fix } : {}) } })
  else sayError(terminal, error)
  return error instanceof CommanderError || error instanceof Misconfigured ? 2 : 1
}

/** For people. */
export function sayError(terminal: Terminal, error: unknown): void {
  const { message, fix } = describe(error)
  terminal.say(`vigil: ${plain(message)}`)
  if (fix) terminal.say(`  fix: ${plain(fix)}`)
}

function describe(error: unknown): { code: string; message: string; fix: string | undefined } {
  if (error instanceof CommanderError) {
    return { code: "usage", message: error.message.replace(/^error: /, ""), fix: "see: vigil --help" }
  }
  return {
    code: codeOf(error),
    message: messageOf(error),
    fix: error instanceof VigilError ? error.fix : undefined,
  }
}
