/**
 * Resource gauge: imported before the product; when its parent process asks, it collects all garbage and says what the process
 * then holds. Needs `--expose-gc`.
 */
import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { getHeapCodeStatistics } from "node:v8"
import { answerParent } from "../../support/preload.ts"

export interface Reading {
  rss: number
  /** Of V8, without compiled code. */
  heap: number
  /** Compiled code: V8 goes on to optimise what runs for long. */
  code: number
  /** Outside of V8's heap: buffers, WebAssembly. */
  external: number
  /** Of PGlite; it can only grow. */
  wasm: number
  fds: number
  sockets: number
  timers: number
}

interface Memory {
  buffer: ArrayBuffer
}

/** The part of the standard that is looked at; Node's types leave it out. */
interface Wasm {
  Memory: new (limits: object) => Memory
  instantiate: (...given: unknown[]) => Promise<{ instance?: { exports: object }; exports?: object }>
}

const memories = new Set<Memory>()

/** PGlite's memory is made, or exported, by its module: both ways are noted. */
function watchWebAssembly(wasm: Wasm): void {
  const { Memory, instantiate } = wasm
  wasm.Memory = new Proxy(Memory, {
    construct(target, given: [object]) {
      const made = new target(...given)
      memories.add(made)
      return made
    },
  })
  wasm.instantiate = async (...given) => {
    const found = await instantiate.apply(wasm, given)
    for (const one of Object.values(found.instance?.exports ?? found.exports ?? {}))
      if (one instanceof Memory) memories.add(one)
    return found
  }
}

async function read(): Promise<Reading> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await sleep(20)
  }
  const { heapUsed, external } = process.memoryUsage()
  const compiled = getHeapCodeStatistics()
  const code = compiled.code_and_metadata_size + compiled.bytecode_and_metadata_size
  const resources = process.getActiveResourcesInfo()
  return {
    rss: Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024,
    heap: heapUsed - code,
    code,
    external,
    wasm: [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
    fds: readdirSync("/proc/self/fd").length,
    sockets: resources.filter((name) => name.startsWith("TCPSocket")).length,
    timers: resources.filter((name) => name === "Timeout").length,
  }
}

watchWebAssembly((globalThis as unknown as { WebAssembly: Wasm }).WebAssembly)
answerParent((question) => ("gauge" in question ? read() : undefined))
