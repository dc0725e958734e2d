import { describe, expect, test } from "vitest"
import { createEmbedder } from "../../src/model/embed.ts"
import type { Embedder } from "../../src/model/model.ts"
import { endpoint, refusal, standIn } from "./stand-in.ts"

function embedderAt(origin: string): Embedder {
  const embedder = createEmbedder(endpoint(origin, { model: "small-embed" }), {
    limits: { maxRetries: 0, timeoutMs: 5_000 },
  })
  if (embedder === undefined) throw new Error("there is an endpoint")
  return embedder
}

const vectors = (list: number[][]) => ({
  status: 200,
  body: { object: "list", data: list.map((embedding, index) => ({ index, embedding })), model: "m" },
})

describe("the embedder", () => {
  test("does not exist when no model is configured", () => {
    expect(createEmbedder(undefined)).toBeUndefined()
  })

  test("gives unit vectors in the order of the texts, whatever the order of the answer", async () => {
    const { origin } = await standIn([
      {
        status: 200,
        body: {
          data: [
            { index: 1, embedding: [0, 5] },
            { index: 0, embedding: [3, 4] },
          ],
        },
      },
    ])
    const embedder = embedderAt(origin)
    expect(embedder.model).toBe("openai-compatible/small-embed")
    expect(await embedder.embed(["a", "b"])).toEqual([
      [0.6, 0.8],
      [0, 1],
    ])
  })

  test("reads base64, the SDK's default", async () => {
    const packed = Buffer.from(new Float32Array([3, 4]).buffer).toString("base64")
    const { origin, heard } = await standIn([{ status: 200, body: { data: [{ index: 0, embedding: packed }] } }])
    expect((await embedderAt(origin).embed(["a"]))[0]?.[0]).toBeCloseTo(0.6)
    expect(heard()[0]?.body.encoding_format).toBe("base64")
  })

  test("requests plain numbers after base64 was refused, and continues to", async () => {
    const { origin, heard } = await standIn([
      refusal(400, { message: "encoding_format base64 is not supported" }),
      vectors([[1, 0]]),
    ])
    const embedder = embedderAt(origin)
    await embedder.embed(["a"])
    await embedder.embed(["b"])
    expect(heard().map(({ body }) => body.encoding_format)).toEqual(["base64", "float", "float"])
  })

  test("sends at most 64 texts at a time", async () => {
    const { origin, heard } = await standIn((_, at) => vectors(Array.from({ length: at < 2 ? 64 : 2 }, () => [1, 0])))
    expect(await embedderAt(origin).embed(Array.from({ length: 130 }, (_, at) => `text ${at}`))).toHaveLength(130)
    expect(heard().map(({ body }) => body.input.length)).toEqual([64, 64, 2])
  })

  test("sends no request for no texts", async () => {
    const { origin, heard } = await standIn([vectors([])])
    expect(await embedderAt(origin).embed([])).toEqual([])
    expect(heard()).toHaveLength(0)
  })

  test.each([
    ["too few vectors", vectors([[1, 0]])],
    ["vectors of two lengths", vectors([[1, 0], [1]])],
    ["no vectors", { status: 200, body: { data: "none" } }],
  ])("refuses %s", async (_, reply) => {
    const { origin } = await standIn([reply])
    await expect(embedderAt(origin).embed(["a", "b"])).rejects.toMatchObject({ name: "Retry", code: "bad_answer" })
  })

  test("throws a Retry when the endpoint is away", async () => {
    const { origin } = await standIn([refusal(503, {})])
    await expect(embedderAt(origin).embed(["a"])).rejects.toMatchObject({ name: "Retry" })
  })
})
