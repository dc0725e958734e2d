import { expect, test } from "vitest"
import { Retry, Uncertain } from "../../src/base/errors.ts"
import { sendParts } from "../../src/channels/parts.ts"

const busy = () => Promise.reject(new Retry("busy"))

test("parts are sent in order, and progress is reported after each part", async () => {
  const told: string[] = []
  const receipt = await sendParts(
    { onPart: async (id) => void told.push(id) },
    ["a", "b"],
    async (part) => `id-${part}`,
  )
  expect(receipt.providerId).toBe("id-a,id-b")
  expect(told).toEqual(["id-a", "id-b"])
})

test("parts that an earlier attempt sent are not sent again", async () => {
  const sent: string[] = []
  const receipt = await sendParts({ done: ["1"] }, ["a", "b"], async (part) => {
    sent.push(part)
    return "2"
  })
  expect(sent).toEqual(["b"])
  expect(receipt.providerId).toBe("1,2")
})

test("a refusal before the first part was sent is thrown unchanged", async () => {
  await expect(sendParts({}, ["a", "b"], busy)).rejects.toBeInstanceOf(Retry)
})

test("a refusal in the middle is uncertain when nobody stored the progress, so that the start is not repeated", async () => {
  const second = (part: string) => (part === "b" ? busy() : Promise.resolve("1"))
  await expect(sendParts({}, ["a", "b"], second)).rejects.toBeInstanceOf(Uncertain)
  await expect(sendParts({ onPart: async () => undefined }, ["a", "b"], second)).rejects.toBeInstanceOf(Retry)
})

test("a message without text is refused", async () => {
  await expect(sendParts({}, [], busy)).rejects.toMatchObject({ code: "empty_message" })
})
