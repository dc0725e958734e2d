/** Agent, wired: model, memory, tools, and one handler for each kind of run. */
import { builtinCommands } from "../agent/commands/builtin.ts"
import { type ChatCommand, createCommands } from "../agent/commands/commands.ts"
import { featureCommands } from "../agent/commands/features.ts"
import { peopleCommands } from "../agent/commands/people.ts"
import { createBudget } from "../agent/durable/budget.ts"
import { createExecute } from "../agent/durable/execute.ts"
import { createDo, createDueHandler, createSay, type DueActions } from "../agent/handlers/due.ts"
import { createHookHandler } from "../agent/handlers/hook.ts"
import { type AttachmentsDeps, createAttachments } from "../agent/turn/attachments.ts"
import { type AnswerPerson, createAnswer, createTurn } from "../agent/turn/turn.ts"
import { Misconfigured } from "../base/errors.ts"
import { newId } from "../base/ids.ts"
import type { Channels } from "../channels/open.ts"
import { createScheduledDigest, createSendDigest } from "../digest/delivery.ts"
import type { Digests } from "../digest/digest.ts"
import type { Model, Transcriber } from "../model/model.ts"
import { quietText } from "../schedule/recurrence/quiet.ts"
import { localDay, localTime, zoneOf } from "../schedule/recurrence/zone.ts"
import { quietOf } from "../thread/outbox/quiet-hours.ts"
import { memoryTools } from "../tools/memory-tools.ts"
import { createUnpair } from "../tools/people-tools.ts"
import { preferenceTools } from "../tools/preference-tools.ts"
import { createScheduleTools } from "../tools/schedule-tools.ts"
import type { Tool } from "../tools/tool.ts"
import type { Infrastructure } from "./infrastructure.ts"
import type { Stores } from "./stores.ts"
import type { Triage } from "./triage.ts"

export interface Wired {
  infrastructure: Infrastructure
  channels: Channels
  model: Model
  transcriber?: Transcriber | undefined
  stores: Stores
  triage: Triage
  status: () => Promise<string>
  /** Called for each tool that a run calls. */
  onTool?: (runId: string, tool: string) => void
}

export function openAgent(wired: Wired) {
  const { infrastructure, channels, model, transcriber, stores, triage } = wired
  const { db, clock, log, people, scrubber, hostZone, config } = infrastructure
  const chat = chatTools(wired)
  const answer = createAnswer({
    db,
    memory: stores.memory,
    tokens: (text) => model.tokens(text),
    tools: byName(chat),
    perception: createAttachments({ store: stores.media, fetch: fetchFrom(channels), model, transcriber }),
  })
  const budget = createBudget({
    db,
    caps: {
      ...(config.DAILY_BUDGET_USD === undefined ? {} : { daily: config.DAILY_BUDGET_USD }),
      ...(config.MONTHLY_BUDGET_USD === undefined ? {} : { monthly: config.MONTHLY_BUDGET_USD }),
    },
    estimate: (request) => model.estimate(request),
    today: () => localDay(clock.now(), infrastructure.owner.zone ?? hostZone),
  })
  return createExecute({
    db,
    clock,
    newId,
    random: Math.random,
    log,
    model,
    budget,
    people,
    tools: byName([...chat, ...triage.tools, createUnpair(stores.automations)]),
    handlers: {
      message: createTurn(answer),
      command: createCommands(commandsOf(wired)),
      issue: triage.handler,
      hook: createHookHandler({ hooks: infrastructure.hooks, people, live: channels.live, answer }),
      due: createDueHandler({ automations: stores.automations, actions: actions(wired, answer) }),
    },
    scrub: (text) => scrubber.scrub(text),
    live: channels.live,
    defaultZone: hostZone,
    ...(wired.onTool ? { onTool: wired.onTool } : {}),
  })
}

/** Every chat command but `/help`, which lists the others. */
export function commandsOf(wired: Wired): ChatCommand[] {
  return [...builtins(wired), ...features(wired), ...peopleCommands(wired.infrastructure)]
}

/** Fetches an attachment from the channel on which it came. Throws `Misconfigured` when that channel is no longer set up. */
function fetchFrom({ senders }: Channels): AttachmentsDeps["fetch"] {
  return async (channel, ref, limits) => {
    const found = [...senders.values()].find(({ id }) => id === channel)
    if (!found?.fetchMedia)
      throw new Misconfigured(`${channel} is no longer set up`, { fix: `set up ${channel} again` })
    return await found.fetchMedia(ref, limits)
  }
}

function byName(tools: Tool[]): Map<string, Tool> {
  return new Map(tools.map((tool) => [tool.name, tool]))
}

function chatTools({ infrastructure, channels, stores, triage }: Wired): Tool[] {
  const { db, people, kv, notifier } = infrastructure
  const { memory, automations, digests } = stores
  const tools: Tool[] = [
    ...memoryTools(memory),
    ...preferenceTools({ people, kv, memory, zoneOf, localTime }),
    ...createScheduleTools({
      automations,
      grants: () => tools.filter((tool) => !tool.ownerOnly).map(({ name }) => ({ tool: name })),
    }),
    createSendDigest({
      db,
      digests,
      people,
      live: channels.live,
      notify: (threadId) => notifier.notify("outbox", threadId),
    }),
    triage.tool,
  ]
  return tools
}

function builtins({ infrastructure, model, status }: Wired) {
  const { db, clock } = infrastructure
  return builtinCommands({
    db,
    now: () => clock.now(),
    model,
    status: async ({ person }) => `${await status()}\n${quietText(await quietOf(db, person.id))}`,
  })
}

function features({ stores }: Wired) {
  return featureCommands({
    ...stores,
    digest: async (context) => (await today(stores.digests, context.now(), context.zone)).text,
  })
}

/** The digest of the local day of `now`. */
export function today(digests: Digests, now: Date, zone: string) {
  return digests.compose(localDay(now, zone), zone)
}

function actions({ infrastructure, channels, stores, triage }: Wired, answer: AnswerPerson): DueActions {
  const { db, people, config } = infrastructure
  const home = { people, live: channels.live }
  return {
    digest: createScheduledDigest({ ...home, db, digests: stores.digests }),
    say: createSay(home),
    do: createDo({ ...home, answer }),
    async sweep(context) {
      if (config.GITHUB_REPOS.length === 0) return { posts: [], model: null, skipped: "no repositories are set" }
      await context.steps.note("sweep", () => triage.sweep(context.steps.signal))
      return { posts: [], model: null }
    },
  }
}
