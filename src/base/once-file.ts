/**
 * Once file: a small file that is made once and then only read, such as a key or a token. The file gets its name only after
 * all of its bytes are on the disk. So neither a killed process nor a power cut leaves half a file, and when two processes
 * make it at once, both use the file of one of them.
 */
import { randomBytes } from "node:crypto"
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import { codeOf } from "./errors.ts"

/**
 * Makes the file with `text` (mode 0600) unless it exists. Returns what the file then holds. Throws the errors of the file
 * system.
 */
export function makeOnce(path: string, text: string): string {
  const own = `${path}.${process.pid}-${randomBytes(4).toString("hex")}`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeSynced(own, text)
    linkUnlessThere(own, path)
    syncPath(dirname(path))
    return readFileSync(path, "utf8")
  } finally {
    rmSync(own, { force: true })
  }
}

/** Writes a file, or the names in a directory, through to the disk. */
export function syncPath(path: string): void {
  const fd = openSync(path, "r")
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function writeSynced(path: string, text: string): void {
  const fd = openSync(path, "wx", 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function linkUnlessThere(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error
  }
}
