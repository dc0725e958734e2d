/**
 * Once file: a small file that is made once and then only read (a key, a token). It has its name only when all of it is on
 * the disk: neither a killed process nor a pulled plug leaves half of one, and of two makers one wins whole.
 */
import { randomBytes } from "node:crypto"
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import { codeOf } from "./errors.ts"

/** What the file holds: `text` (0600) when it is made here, what it held before otherwise. Throws what the file system throws. */
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

/** Brings a file, or the names in a directory, to the disk. */
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
