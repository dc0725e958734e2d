/** Mind: model, memory, tools, and the handlers of each kind of run. */
import { builtinCommands } from "../agent/builtin-commands.ts"
import { createCommands } from "../agent/commands.ts"
import { createDue, type DueActions } from "../agent/due.ts"
import { createExecute } from "../agent/execute.ts"
import { featureCommands } from "../agent/feature-commands.ts"
import { createMoney } from "../agent/money.ts"
import { type Answer, createAnswer, createTurn } from "../agent/turn.ts"
import { newId } from "../base/ids.ts"
import type { Channels } from "../channels/open.ts"
import { createScheduledDigest, createSendDigest } from "../digest/delivery.ts"
import { createDigest, type Digests } from "../digest/digest.ts"
import { createMemory } from "../memory/store.ts"
import { createModel } from "../model/client.ts"
import { createEmbedder } from "../model/embed.ts"
import type { Embedder, Model } from "../model/model.ts"
import { resolveModel } from "../model/resolve.ts"
import { createAutomations } from "../schedule/automations.ts"
import { localDay, localTime, zoneOf } from "../schedule/zone.ts"
import { memoryTools } from "../tools/memory-tools.ts"
import { preferenceTools } from "../tools/preference-tools.ts"
import { createScheduleTools } from "../tools/schedule-tools.ts"
import type { Tool } from "../tools/tool.ts"
import type { Ground } from "./ground.ts"
import type { Triage } from "./triage.ts"

export interface MindDeps {
  ground: Ground
  channels: Channels
  model: Model
  embedder: Embedder | undefined
}

export async function openModel({
  config,
  clock,
  log,
}: Ground): Promise<{ model: Model; embedder: Embedder | undefined }> {
  const resolution = await resolveModel({
    apiKey: config.OPENAI_API_KEY,
    baseUrl: config.OPENAI_BASE_URL,
    model: config.VIGIL_MODEL,
    embeddingModel: config.VIGIL_EMBEDDING_MODEL,
    fallbacks: config.VIGIL_FALLBACK_MODELS,
    ownPort: config.PORT,
    probe: config.VIGIL_PROBE_LOCAL,
  })
  const model = await createModel(resolution, { clock, log: { warn: (fields, event) => log.warn(event, fields) } })
  return { model, embedder: createEmbedder(resolution.embedding) }
}

/** What the agent knows and keeps by itself. */
export function openStores({ ground, embedder }: Pick<MindDeps, "ground" | "embedder">) {
  const { db, queue, clock, log } = ground
  const memory = createMemory({ db, queue, clock, log, ...(embedder ? { embedder } : {}) })
  return { memory, automations: createAutomations({ db, clock }), digests: createDigest({ db, clock }) }
}

export type Stores = ReturnType<typeof openStores>

export interface Wired extends MindDeps {
  stores: Stores
  triage: Triage
  status: () => Promise<string>
}

export function openMind(wired: Wired) {
  const { ground, channels, model, stores, triage } = wired
  const { db, clock, log, people, scrubber, hostZone, config } = ground
  const chat = chatTools(wired)
  const answer = createAnswer({ db, memory: stores.memory, tokens: (text) => model.tokens(text), tools: byName(chat) })
  const money = createMoney({
    db,
    caps: {
      ...(config.DAILY_BUDGET_USD === undefined ? {} : { daily: config.DAILY_BUDGET_USD }),
      ...(config.MONTHLY_BUDGET_USD === undefined ? {} : { monthly: config.MONTHLY_BUDGET_USD }),
    },
    estimate: (request) => model.estimate(request),
    today: () => localDay(clock.now(), ground.owner.zone ?? hostZone),
  })
  return createExecute({
    db,
    clock,
    newId,
    random: Math.random,
    log,
    model,
    money,
    people,
    tools: byName([...chat, ...triage.tools]),
    handlers: {
      message: createTurn(answer),
      command: createCommands([...builtins(wired), ...features(wired)]),
      issue: triage.handler,
      due: createDue({ automations: stores.automations, actions: actions(wired, answer) }),
    },
    scrub: (text) => scrubber.scrub(text),
    live: channels.live,
    defaultZone: hostZone,
  })
}

function byName(tools: Tool[]): Map<string, Tool> {
  return new Map(tools.map((tool) => [tool.name, tool]))
}

function chatTools({ ground, channels, stores, triage }: Wired): Tool[] {
  const { db, people, kv, bell } = ground
  const { memory, automations, digests } = stores
  const tools: Tool[] = [
    ...memoryTools(memory),
    ...preferenceTools({ people, kv, memory, zoneOf, localTime }),
    ...createScheduleTools({
      automations,
      grants: () => tools.filter((tool) => !tool.ownerOnly).map(({ name }) => ({ tool: name })),
    }),
    createSendDigest({ db, digests, people, live: channels.live, ring: (threadId) => bell.ring("outbox", threadId) }),
    triage.tool,
  ]
  return tools
}

function builtins({ ground, model, status }: Wired) {
  return builtinCommands({ db: ground.db, now: () => ground.clock.now(), model, status })
}

function features({ stores }: Wired) {
  return featureCommands({ ...stores, digest: async (job) => (await today(stores.digests, job.now(), job.zone)).text })
}

export function today(digests: Digests, now: Date, zone: string) {
  return digests.compose(localDay(now, zone), zone)
}

function actions({ ground, channels, stores, triage }: Wired, answer: Answer): DueActions {
  const { db, people, config } = ground
  const post = async (personId: string, key: string, text: string) => {
    const { threadId } = await people.home(personId, channels.live)
    return text === "" ? [] : [{ threadId, dedupeKey: key, text }]
  }
  const late = (lateness: string) => (lateness === "" ? "" : ` ${lateness}`)
  return {
    digest: createScheduledDigest({ db, digests: stores.digests, people, live: channels.live }),
    async say(job, { automation, lateness }) {
      const text = automation.action.kind === "say" ? `Reminder: ${automation.action.text}${late(lateness)}` : ""
      return { posts: await post(automation.personId, `run:${job.run.id}:say`, text), model: null }
    },
    async do(job, { automation, lateness }) {
      const words = automation.action.kind === "do" ? automation.action.text : ""
      const { text, model } = await answer(job, [words], automation.grants)
      return { posts: await post(automation.personId, `run:${job.run.id}:do`, `${text}${late(lateness)}`), model }
    },
    async sweep(job) {
      const swept = await job.steps.note("sweep", () => triage.sweep(job.steps.signal))
      return {
        posts: [],
        model: null,
        ...(config.GITHUB_REPOS.length > 0 ? {} : { skipped: `nothing to look at (${swept.length})` }),
      }
    },
  }
}
