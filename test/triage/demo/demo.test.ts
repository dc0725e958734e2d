import { sql } from "drizzle-orm"
import { afterEach, beforeEach, expect, test } from "vitest"
import { createDemo, type Demo } from "../../../src/triage/demo/demo.ts"
import { createDemoGitHub, DEMO_REPO } from "../../../src/triage/demo/repository.ts"
import { type Harness, harness, SECRET } from "../harness.ts"

let h: Harness
let demo: Demo
let posted: Record<string, string>[]

beforeEach(async () => {
  h = await harness()
  posted = []
  demo = createDemo({
    db: h.db,
    clock: { now: () => new Date() },
    kv: h.kv,
    memory: h.memory,
    decisions: h.decisions,
    rotas: h.rotas,
    secret: SECRET,
    digest: async () => ({ text: "Triage: 10 issues", segments: 1 }),
    async post(body, headers) {
      posted.push(headers)
      const status = await h.deliver(body, headers)
      await h.s.settle()
      return status
    },
  })
})
afterEach(() => h.stop())

const open = async () => (await h.db.query(sql`select 1 from approvals where state = 'open'`)).length

test("ten new issues are decided from thirty past ones, and two of them wait for the owner's approval", async () => {
  const result = await demo.run()
  expect(result).toMatchObject({
    issues: 10,
    applied: 8,
    pending: 2,
    unfinished: 0,
    byKind: { feature: 2, question: 2, docs: 1 },
    digest: "Triage: 10 issues",
    segments: 1,
  })
  expect(result.approvals).toHaveLength(2)
  expect(result.approvals[0]?.display).toContain(`on ${DEMO_REPO}#`)
  expect(posted.every((headers) => headers["x-hub-signature-256"]?.startsWith("sha256="))).toBe(true)
  expect(await h.decisions.forIssue(DEMO_REPO, 31)).toMatchObject({
    kind: "bug",
    demo: true,
    state: "applied",
    method: "neighbours",
  })
  const client = h.clients.get(DEMO_REPO)
  const issue = await client?.getIssue(DEMO_REPO, 31, new AbortController().signal)
  expect(issue?.labels).toEqual(["bug"])
  expect(issue?.assignees).toHaveLength(1)
  expect(h.hub.asked).toEqual([])
})

test("a second run reports the same decisions", async () => {
  const { unfinished: _, ...first } = await demo.run()
  expect(await demo.run()).toMatchObject(first)
  expect(await h.runs()).toHaveLength(10)
})

test("clear removes decisions and memories and cancels approvals, and the demo can begin anew", async () => {
  await demo.run()
  expect(await demo.clear()).toBe(40)
  await h.s.settle()
  expect(await open()).toBe(0)
  expect(await h.decisions.recent({ limit: 100, repo: DEMO_REPO })).toEqual([])
  expect(await h.memory.list([`repo:${DEMO_REPO}`], { limit: 100 })).toEqual([])
  expect((await h.runs()).every((run) => run.state === "done")).toBe(true)
  expect(await demo.run()).toMatchObject({ issues: 10, applied: 8, pending: 2 })
})

test("the demo's client serves no other repository, and assigns only the demo's team", async () => {
  const github = createDemoGitHub()
  const signal = new AbortController().signal
  await expect(github.addLabels("octo/demo", 1, ["bug"], signal)).rejects.toMatchObject({ status: 404 })
  await expect(github.addAssignee(DEMO_REPO, 1, "stranger", signal)).rejects.toMatchObject({ code: "not_assignable" })
})
