import { afterEach, beforeEach, expect, test } from "vitest"
import { newId } from "../../src/base/ids.ts"
import { OWNER_LABEL } from "../../src/base/label.ts"
import { createTriageTool } from "../../src/triage/tool.ts"
import { type Harness, harness, REPO } from "./harness.ts"

let h: Harness
beforeEach(async () => {
  h = await harness()
})
afterEach(() => h.stop())

const context = () => ({
  runId: newId(),
  threadId: newId(),
  opId: newId(),
  person: { id: newId(), name: null, role: "owner" as const, zone: null },
  zone: "UTC",
  now: new Date(),
  label: OWNER_LABEL,
  signal: new AbortController().signal,
})

test("the first call for an issue starts its triage, and a later call tells the decision", async () => {
  const { number } = h.hub.put(REPO, { title: "Crash on start", body: "TypeError: x\n    at a (b.js:1:2)" })
  const args = { repo: REPO, number }
  expect(await h.tool.run(args, context())).toMatchObject({ ok: true, kind: "bug", labels: ["bug"], state: "started" })
  expect(h.hub.writes).toEqual([])
  await h.s.settle()
  expect(h.hub.issue(REPO, number).labels).toEqual(["bug"])
  expect(await h.tool.run(args, context())).toMatchObject({
    ok: true,
    kind: "bug",
    state: "applied",
    confidence: expect.any(Number),
  })
  expect(await h.runs()).toHaveLength(1)
})

test("a pull request is refused", async () => {
  const { number } = h.hub.put(REPO, { title: "Fix", isPullRequest: true })
  expect(await h.tool.run({ repo: REPO, number }, context())).toMatchObject({ ok: false, code: "invalid" })
})

test("without a client a known decision is told, and an unknown issue says what to set up", async () => {
  const number = await h.open({ title: "Crash on start", body: "TypeError: x\n    at a (b.js:1:2)" })
  await h.s.settle()
  const tool = createTriageTool({ ...h, github: () => null, inbox: h.s.inbox })
  expect(await tool.run({ repo: REPO, number }, context())).toMatchObject({ ok: true, kind: "bug" })
  await expect(tool.run({ repo: REPO, number: 999 }, context())).rejects.toMatchObject({
    fix: expect.stringContaining("GITHUB_TOKEN"),
  })
})

test("the tool is for the owner only", () => {
  expect(h.tool).toMatchObject({ ownerOnly: true, needs: "collaborator" })
  expect(h.tool.input.safeParse({ repo: "../etc", number: 1 }).success).toBe(false)
})
