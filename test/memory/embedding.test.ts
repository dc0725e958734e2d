import { sql } from "drizzle-orm"
import { beforeEach, describe, expect, test } from "vitest"
import { Retry } from "../../src/base/errors.ts"
import { OWNER_LABEL } from "../../src/base/label.ts"
import type { Log } from "../../src/base/log.ts"
import { silentLog } from "../../src/base/log.ts"
import { createMemory } from "../../src/memory/store.ts"
import type { Embedder } from "../../src/model/model.ts"
import { ownDatabase } from "../support/own.ts"

const SCOPE = "person:p1"
const clock = { now: () => new Date("2026-03-01T10:00:00Z") }
const base = await ownDatabase()
let sent: string[] = []
beforeEach(async () => {
  sent = []
  await base.db.query(sql`delete from memories`)
})

/** A stand-in embedder whose vectors have three dimensions: animals, vehicles, food. */
const MEANINGS = [/dog|puppy|pet|hound/i, /car|automobile|drive/i, /bread|loaf|bakery/i]
const meaning = (text: string) => {
  const raw = MEANINGS.map((words) => (words.test(text) ? 1 : 0.05))
  const norm = Math.hypot(...raw)
  return raw.map((x) => x / norm)
}
function embedder(model = "stand-in-3", calls: string[][] = []): Embedder {
  return {
    model,
    embed: async (texts) => {
      calls.push(texts)
      return texts.map(meaning)
    },
  }
}
const away: Embedder = {
  model: "stand-in-3",
  embed: async () => {
    throw new Retry("the endpoint is away")
  },
}

function memory(by: Embedder | undefined = embedder(), log: Log = silentLog) {
  const queue = { send: async (_tx: unknown, name: string, key: string) => void sent.push(`${name}:${key}`) }
  return createMemory({ db: base.db, queue, clock, log, ...(by ? { embedder: by } : {}) })
}
const remember = (text: string, by = memory()) =>
  base.db.transaction((tx) => by.remember(tx, { scope: SCOPE, kind: "fact", text, label: OWNER_LABEL, sources: {} }))
async function known(...texts: string[]): Promise<number[]> {
  const ids: number[] = []
  for (const text of texts) ids.push((await remember(text)).id)
  await memory().embedWaiting(ids.map(String))
  return ids
}
const vectors = () =>
  base.db.query(sql`select memory_id as id, model, dims from memory_embeddings order by memory_id, model`)

describe("writing", () => {
  test("a new memory enqueues the job for its vector, a duplicate does not", async () => {
    const { id } = await remember("Rex is a hound")
    await remember("Rex is a hound")
    expect(sent).toEqual([`embed:${id}`])
  })

  test("without a model no job is enqueued", async () => {
    const plain = createMemory({ db: base.db, queue: { send: async () => void sent.push("x") }, clock })
    const { id } = await remember("Rex is a hound", plain)
    await plain.embedWaiting([String(id)])
    expect([sent, await vectors()]).toEqual([[], []])
  })

  test("the job stores one vector per memory and model, however often it runs", async () => {
    const calls: string[][] = []
    const [id = 0] = await known("Rex is a hound")
    await memory(embedder("stand-in-3", calls)).embedWaiting([String(id), "424242"])
    expect(calls).toEqual([])
    await memory(embedder("another-model", calls)).embedWaiting([String(id)])
    expect(calls).toEqual([["Rex is a hound"]])
    expect(await vectors()).toEqual([
      { id, model: "another-model", dims: 3 },
      { id, model: "stand-in-3", dims: 3 },
    ])
  })

  test("the job is retried when the endpoint is away or gives too few vectors", async () => {
    const { id } = await remember("Rex is a hound")
    await expect(memory(away).embedWaiting([String(id)])).rejects.toThrow(Retry)
    await expect(memory({ model: "m", embed: async () => [] }).embedWaiting([String(id)])).rejects.toThrow(Retry)
    expect(await vectors()).toEqual([])
  })

  test("a forgotten or superseded memory loses its vector, also when it goes while the vector is made", async () => {
    const [first = 0, second = 0] = await known("Rex is a hound", "The car is red")
    await base.db.transaction((tx) => memory().forget(tx, SCOPE, [first], clock.now()))
    await base.db.transaction((tx) =>
      memory().supersede(tx, second, {
        scope: SCOPE,
        kind: "fact",
        text: "The car is blue",
        label: OWNER_LABEL,
        sources: {},
      }),
    )
    const third = await remember("A loaf a day")
    const slow: Embedder = {
      model: "stand-in-3",
      embed: async (texts) => {
        await base.db.transaction((tx) => memory().forget(tx, SCOPE, [third.id], clock.now()))
        return texts.map(meaning)
      },
    }
    await memory(slow).embedWaiting([String(third.id)])
    expect(await vectors()).toEqual([])
  })
})

describe("recall with a model", () => {
  test("meaning finds what words do not, and words find what has no vector yet", async () => {
    await known("Rex is a hound", "The automobile is in the garage")
    await remember("The puppy school starts on Monday", memory())
    const found = await memory().recall({ scopes: [SCOPE], text: "puppy", limit: 8 })
    expect(found.map((hit) => hit.text).slice(0, 2)).toEqual(["The puppy school starts on Monday", "Rex is a hound"])
    expect(found[0]).toMatchObject({ score: 0.7, parts: { lexical: 1, vector: 0 } })
    expect(found[1]).toMatchObject({ score: 0.3, parts: { lexical: 0, vector: 1 } })
  })

  test("words and meaning together score higher than either alone", async () => {
    await known("I drive to the bakery", "The bakery has loaf", "The car is red")
    const found = await memory().recall({ scopes: [SCOPE], text: "bakery bread", limit: 8 })
    expect(found[0]).toMatchObject({ text: "The bakery has loaf", score: 1, parts: { lexical: 1, vector: 1 } })
  })

  test("when the model is away, recall loses only its arm and logs it", async () => {
    await known("Rex is a hound")
    const events: string[] = []
    const log = { ...silentLog, warn: (event: string) => void events.push(event) }
    const found = await memory(away, log).recall({ scopes: [SCOPE], text: "hound", limit: 8 })
    expect(found).toMatchObject([{ text: "Rex is a hound", score: 1, parts: { lexical: 1 } }])
    expect(found[0]?.parts).not.toHaveProperty("vector")
    expect(events).toEqual(["embedding_away"])
  })

  test("a recall that was cancelled stops", async () => {
    await known("Rex is a hound")
    const signal = AbortSignal.abort(new Error("stop"))
    await expect(memory(away).recall({ scopes: [SCOPE], text: "hound", limit: 8 }, signal)).rejects.toThrow("stop")
  })

  test("after a change of model, words still find everything and old vectors are not compared", async () => {
    await known("Rex is a hound")
    const other: Embedder = { model: "wider", embed: async (texts) => texts.map(() => [1, 0, 0, 0, 0]) }
    const found = await memory(other).recall({ scopes: [SCOPE], text: "a hound", limit: 8 })
    expect(found).toMatchObject([{ text: "Rex is a hound", parts: { lexical: 1, vector: 0 } }])
    expect(await memory(other).recall({ scopes: [SCOPE], text: "puppy", limit: 8 })).toEqual([])
  })

  test("neither arm leaves its scope or kinds", async () => {
    await known("Rex is a hound")
    expect(await memory().recall({ scopes: ["person:p2"], text: "puppy", limit: 8 })).toEqual([])
    expect(await memory().recall({ scopes: [SCOPE], text: "puppy", limit: 8, kinds: ["decision"] })).toEqual([])
  })
})
