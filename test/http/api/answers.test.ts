/** Answers: whoever waits for what comes of their word on an approval learns that, and of no other approval. */
import { afterAll, beforeAll, expect, test } from "vitest"
import { z } from "zod"
import { askAbout } from "../../support/approvals.ts"
import { type House, house, sending } from "../everything.ts"

/** Everything happens in this millisecond. */
const NOW = new Date("2026-12-01T09:00:00.000Z")
let h: House
beforeAll(async () => {
  h = await house({ now: () => NOW, limits: { lookMs: 200, heartbeatMs: 100 } })
})
afterAll(() => h.stop())

const answer = z.object({ run: z.uuid(), reply: z.string() })

test("two approvals answered in the same millisecond: each caller learns the end of its own run", async () => {
  const asked = []
  for (const threadKey of ["web:bikes", "web:boats"])
    asked.push(await askAbout(h.s, { now: NOW, threadKey, text: threadKey }))
  const waiting = asked.map(async ({ code }) => {
    const response = await h.ask("/api/v1/messages", sending({ text: `${code} OK` }, { prefer: "wait=20" }))
    return answer.parse(await response.json())
  })
  const worker = h.s.work()
  const said = await Promise.all(waiting)
  await worker.stop(1000)
  expect(said).toEqual([
    { run: asked[0]?.runId, reply: "echo: web:bikes" },
    { run: asked[1]?.runId, reply: "echo: web:boats" },
  ])
})
