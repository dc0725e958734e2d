/**
 * Disk injector: imported before the product; once its parent says so, the files under DATA_DIR can be written over but no longer
 * grow, and no new ones get content, as on a disk without space. It needs no rights.
 */
import fs from "node:fs"
import { sep } from "node:path"
import { answerParent } from "../../support/preload.ts"

const dir = `${process.env.DATA_DIR}${sep}`
const inside = new Set<number>()
let isFull = false

function full(path: string): Error {
  return Object.assign(new Error(`ENOSPC: no space left on device, write '${path}'`), { code: "ENOSPC", errno: -28 })
}

/** PGlite calls these as properties of `node:fs`, so that replacing them sees every call. */
const { openSync, closeSync, writeSync, writeFileSync, ftruncateSync } = fs

const replaced = {
  openSync(...given: Parameters<typeof openSync>) {
    const fd = openSync(...given)
    if (String(given[0]).startsWith(dir)) inside.add(fd)
    return fd
  },
  closeSync(fd: number) {
    inside.delete(fd)
    closeSync(fd)
  },
  writeSync(fd: number, bytes: Uint8Array, offset: number, length: number, position: number) {
    if (isFull && inside.has(fd) && position + length > fs.fstatSync(fd).size) throw full(dir)
    return writeSync(fd, bytes, offset, length, position)
  },
  ftruncateSync(fd: number, size = 0) {
    if (isFull && inside.has(fd) && size > fs.fstatSync(fd).size) throw full(dir)
    ftruncateSync(fd, size)
  },
  writeFileSync(...given: Parameters<typeof writeFileSync>) {
    if (isFull && String(given[0]).startsWith(dir) && String(given[1]) !== "") throw full(String(given[0]))
    writeFileSync(...given)
  },
}

Object.assign(fs, replaced)
answerParent((question) => {
  if (!("full" in question)) return undefined
  isFull = question.full === true
  return { full: isFull }
})
