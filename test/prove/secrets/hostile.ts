/**
 * Hostile: one server that stands in for every provider and shouts secrets back: first in errors, then in answers, in the
 * arguments of tool calls and in issues. It keeps what it was told, apart from the headers that carry credentials by right.
 */
import { type Answer, type ReceivedRequest, startStandIn } from "../../support/stand-in.ts"

/** How often each address fails before it answers. */
const FAILURES = 2

export interface Hostile {
  url: string
  /** From now on it shouts these. */
  learn(secrets: string): void
  /** What the model was shown. */
  prompts(): string[]
  /** What people were sent. */
  replies(): string[]
  stop(): Promise<void>
}

export async function startHostile(): Promise<Hostile> {
  let secrets = ""
  const seen = new Map<string, number>()
  const prompts: string[] = []
  const replies: string[] = []
  const server = await startStandIn((asked) => {
    const path = asked.url.pathname
    const times = (seen.get(path) ?? 0) + 1
    seen.set(path, times)
    if (path.endsWith("/chat/completions")) prompts.push(asked.body)
    if (/\/(sendMessage|Messages\.json)$/.test(path) && asked.method === "POST") replies.push(asked.body)
    return times <= FAILURES && !path.endsWith("/getMe") ? failure(times, secrets) : answerOf(asked, secrets)
  })
  return {
    url: server.url,
    learn: (more) => {
      secrets = more
    },
    prompts: () => prompts,
    replies: () => replies,
    stop: server.stop,
  }
}

/** As providers word it, each its own way. */
function failure(times: number, secrets: string): Answer {
  const body = {
    error: { message: `Incorrect API key provided: ${secrets}`, type: "invalid_request_error" },
    ok: false,
    error_code: 500,
    description: `Internal Server Error: ${secrets}`,
    message: `Bad credentials ${secrets}`,
    code: 20003,
  }
  return times % 2 === 1 ? { status: 500, body } : { status: 503, body: `<html><body>${secrets}</body></html>` }
}

function completion(asked: ReceivedRequest, secrets: string): Answer {
  const isAfterTool = asked.body.includes('"role":"tool"')
  const call = { name: "remember", arguments: JSON.stringify({ text: `the keys are ${secrets}` }) }
  const message = isAfterTool
    ? { role: "assistant", content: `Your keys: ${secrets}` }
    : { role: "assistant", content: `I note ${secrets}`, tool_calls: [{ id: "c1", type: "function", function: call }] }
  const choice = { index: 0, message, finish_reason: isAfterTool ? "stop" : "tool_calls" }
  const usage = { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 }
  const body = {
    id: crypto.randomUUID(),
    object: "chat.completion",
    created: 1,
    model: secrets.slice(0, 40),
    choices: [choice],
    usage,
  }
  return { status: 200, body, headers: { "x-request-id": secrets.slice(0, 60).replaceAll(/\s/g, "") } }
}

function answerOf(asked: ReceivedRequest, secrets: string): Answer {
  const { pathname } = asked.url
  if (pathname.endsWith("/chat/completions")) return completion(asked, secrets)
  if (pathname.endsWith("/getMe"))
    return { status: 200, body: { ok: true, result: { id: 123456, is_bot: true, first_name: "v", username: "v_bot" } } }
  if (pathname.endsWith("/sendMessage")) {
    const result = { message_id: asked.body.length, date: 1, chat: { id: 42, type: "private" }, text: secrets }
    return { status: 200, body: { ok: true, result } }
  }
  if (pathname.endsWith("/issues")) return { status: 200, body: [issue(secrets)] }
  if (pathname.endsWith("/labels")) return { status: 200, body: [{ name: "bug" }, { name: secrets.slice(0, 45) }] }
  if (pathname.endsWith("/Messages.json"))
    return { status: 400, body: { code: 21211, message: `no number ${secrets}`, status: 400 } }
  return {
    status: 404,
    body: { ok: false, error_code: 404, description: `Not Found ${secrets}`, message: `Not Found ${secrets}` },
  }
}

function issue(secrets: string) {
  const at = new Date().toISOString()
  const user = { login: "eve", type: "User", id: 7 }
  return {
    id: 1,
    number: 1,
    title: `It crashes with ${secrets.slice(0, 120)}`,
    body: `TypeError at key ${secrets}`,
    state: "open",
    labels: [],
    assignees: [],
    user,
    author_association: "NONE",
    html_url: "https://github.com/octo/demo/issues/1",
    created_at: at,
    updated_at: at,
  }
}
