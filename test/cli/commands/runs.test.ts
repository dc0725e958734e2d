/** A run as text: everything that is in it, in order; and what the owner answers and sets from the terminal. */
import { afterAll, beforeAll, expect, test } from "vitest"
import type { StandIn } from "../../support/stand-in.ts"
import { APPROVAL, DECISION, DEMO, REPLY, RUN as RUN_ROW, STEP } from "../answers.ts"
import { refused, startServer, vigil } from "../command.ts"

const RUN = {
  ...RUN_ROW,
  channel: "telegram",
  model: "gpt-6-luna",
  trigger: "remind me tomorrow",
  attempts: 2,
  durationMs: 1234,
  inputTokens: 900,
  cachedTokens: 800,
  outputTokens: 20,
  costUsd: null,
  codeVersion: "0.1.0",
  label: { integrity: "owner", confidentiality: "private" },
  events: [],
  steps: [
    { ...STEP, n: 0, kind: "note", name: "context", request: null, result: { recalled: 1 } },
    {
      ...STEP,
      n: 1,
      kind: "model",
      name: "ask",
      request: { messages: 2 },
      result: { text: "ok" },
      inputTokens: 900,
      cachedTokens: 800,
      outputTokens: 20,
      costUsd: 0.0012,
      durationMs: 640,
    },
    {
      ...STEP,
      n: 2,
      kind: "tool",
      name: "remind",
      state: "failed",
      verdict: { decision: "deny", reason: "not granted" },
      request: { args: { text: "x".repeat(500) } },
      result: { ok: false },
    },
  ],
  context: {
    sections: [
      { name: "rules", tokens: 120 },
      { name: "history", tokens: 30 },
    ],
    recalled: [{ id: 12, text: "likes tea", score: 0.876 }],
  },
  questions: [APPROVAL],
  replies: [{ ...REPLY, state: "uncertain", error: { code: "timeout" } }],
}
let server: StandIn & { env: Record<string, string> }

beforeAll(async () => {
  server = await startServer({
    [`GET /api/v1/runs/${RUN.id}`]: () => ({ status: 200, body: RUN }),
    "GET /api/v1/approvals": () => ({ status: 200, body: { approvals: RUN.questions } }),
    "POST /api/v1/approvals/K7": ({ body }) => ({
      status: 200,
      body: { ...RUN.questions[0], state: JSON.parse(body).verdict === "yes" ? "approved" : "denied" },
    }),
    "POST /api/v1/approvals/M4": () => refused(409, "decided", "M4 is denied"),
    "POST /api/v1/link": () => ({
      status: 201,
      body: { path: "/start?k=a", url: "http://127.0.0.1/start?k=a", expiresInMinutes: 30 },
    }),
    "POST /api/v1/demo": () => ({
      status: 200,
      body: DEMO,
    }),
    "GET /api/v1/triage/rota": () => ({
      status: 200,
      body: {
        rota: {
          start: "2026-01-05",
          everyDays: 7,
          logins: ["ana"],
          overrides: [{ from: "2026-12-24", to: "2026-12-26", login: "ben" }],
        },
      },
    }),
    "PUT /api/v1/triage/rota": () => ({ status: 200, body: { ok: true } }),
    "GET /api/v1/triage/decisions": () => ({
      status: 200,
      body: {
        decisions: [DECISION],
      },
    }),
  })
})

afterAll(() => server.stop())

test("a trace shows prompt, memories, steps with verdict and cost, questions and replies", async () => {
  const { code, stdout } = await vigil(["trace", RUN.id], server)
  expect(code).toBe(0)
  const expected = [
    /state +done, attempt 2/,
    /label +owner, private/,
    /tokens +900 tokens in \(800 cached\), 20 out/,
    /cost +-\n/,
    /120 {2}rules\n +30 {2}history\n +150 {2}tokens in all/,
    /0\.88 {2}\[12\] likes tea/,
    / 1 {2}model ask\n +900 tokens in \(800 cached\), 20 out, \$0\.0012, 640 ms\n +args +\{"messages":2\}\n +result +\{"text":"ok"\}/,
    / 2 {2}tool remind {2}failed {2}deny \(not granted\)\n +args .{100,110}\.\.\.\n/,
    /K7 {2}approved +remind Ana/,
    /uncertain {2}telegram {2}Done\.\n +\{"code":"timeout"\}/,
  ]
  for (const part of expected) expect(stdout).toMatch(part)
})

test("a trace with --json is the whole document", async () => {
  const { stdout } = await vigil(["trace", RUN.id, "--json"], server)
  expect(JSON.parse(stdout)).toEqual(RUN)
})

test("a run that is not there is a failure", async () => {
  const { code, stderr } = await vigil(["trace", "../status"], server)
  expect([code, stderr]).toEqual([1, "vigil: there is nothing here\n"])
})

test("approvals are listed with code and text, and answered by code", async () => {
  const list = await vigil(["approvals"], server)
  expect(list.stdout).toMatch(/^K7 {2}remind Ana\n +asked .*, expires /)
  const approved = await vigil(["approvals", "approve", "k7"], server)
  expect([approved.code, approved.stdout]).toEqual([0, "K7 is approved.\n"])
  const denied = await vigil(["approvals", "deny", "K7", "--json"], server)
  expect(JSON.parse(denied.stdout)).toMatchObject({ code: "K7", state: "denied" })
})

test("an answer that comes too late is a failure", async () => {
  const { code, stderr } = await vigil(["approvals", "approve", "M4"], server)
  expect([code, stderr]).toEqual([1, "vigil: M4 is denied\n"])
})

test("a link is the only thing on stdout", async () => {
  const { stdout, stderr } = await vigil(["link"], server)
  expect(stdout).toBe("http://127.0.0.1/start?k=a\n")
  expect(stderr).toContain("within 30 minutes")
})

test("setting up GitHub begins with two links, one that signs in and one that makes the app", async () => {
  const { stdout, code } = await vigil(["setup", "github", "--org", "acme"], server)
  expect(code).toBe(0)
  expect(stdout).toBe("http://127.0.0.1/start?k=a\nhttp://127.0.0.1/setup/github?org=acme\n")
  expect((await vigil(["setup", "github", "--org", "a/b"], server)).code).toBe(2)
})

test("the demo ends in its digest", async () => {
  const { stdout, stderr } = await vigil(["demo"], server)
  expect(stdout).toBe("Triage: 10 issues\n")
  expect(stderr).toContain("10 issues: 8 decided, 2 wait for you, 2 SMS segments.")
})

test("setting the rota keeps its overrides", async () => {
  const args = ["triage", "rota", "set", "@ana", "ben", "--start", "2026-12-01", "--every", "3"]
  const { code, stdout } = await vigil(args, server)
  expect(code).toBe(0)
  expect(JSON.parse(server.asked.at(-1)?.body ?? "")).toEqual({
    start: "2026-12-01",
    everyDays: 3,
    logins: ["ana", "ben"],
    overrides: [{ from: "2026-12-24", to: "2026-12-26", login: "ben" }],
  })
  expect(stdout).toContain("ana, ben: turns of 3 days from 2026-12-01")
})

test("turns for one repository are its own: those for all give it their zone at most", async () => {
  const args = ["triage", "rota", "set", "cleo", "--start", "2026-12-01", "--repo", "o/r"]
  expect((await vigil(args, server)).code).toBe(0)
  const sent = server.asked.at(-1)
  expect([sent?.method, sent?.url.searchParams.get("repo")]).toEqual(["PUT", "o/r"])
  expect(JSON.parse(sent?.body ?? "")).toEqual({ start: "2026-12-01", everyDays: 7, logins: ["cleo"], overrides: [] })
  expect((await vigil(["triage", "rota", "set", "cleo", "--repo", "nonsense"], server)).code).toBe(2)
})

test("a start that is no date is wrong usage", async () => {
  const { code } = await vigil(["triage", "rota", "set", "ana", "--start", "2026-02-30"], server)
  expect(code).toBe(2)
})

test("decisions are listed with how sure they are", async () => {
  const { stdout } = await vigil(["triage", "decisions", "--repo", "o/r"], server)
  expect(stdout).toMatch(/o\/r#812 +bug +91 % +rules +- +pending +It breaks/)
  expect(server.asked.at(-1)?.url.searchParams.get("repo")).toBe("o/r")
})
