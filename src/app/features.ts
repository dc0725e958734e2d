/** Features: what the API and the pages read from the rooms and do with them. */
import { codeOf, messageOf } from "../base/errors.ts"
import type { ChannelId } from "../channels/channel.ts"
import type { Channels } from "../channels/open.ts"
import type { ChannelStatus } from "../contract/installation/channels.ts"
import type { Status } from "../contract/installation/status.ts"
import type { Features } from "../http/api/api.ts"
import { spendOf } from "../journal/spend.ts"
import { personScope, repoScope } from "../memory/scope.ts"
import type { Model } from "../model/model.ts"
import { OWNER_ID } from "../thread/people/people.ts"
import type { Infrastructure } from "./infrastructure.ts"
import type { Stores } from "./stores.ts"
import type { Triage } from "./triage.ts"
import { VERSION } from "./version.ts"

export interface FeatureDeps {
  infrastructure: Infrastructure
  channels: Channels
  model: Model
  stores: Stores
  triage: Triage
  runDemo: Features["runDemo"]
}

const PROBE_MS = 5000

export function openFeatures(deps: FeatureDeps): Features {
  const { infrastructure, stores, triage } = deps
  const { db, clock, vault, config } = infrastructure
  const scopes = [personScope(OWNER_ID), ...config.GITHUB_REPOS.map(repoScope)]
  return {
    status: () => statusOf(deps),
    automations: () => stores.automations.list(),
    memories: ({ q, limit }) =>
      q ? stores.memory.recall({ scopes, text: q, limit }) : stores.memory.list(scopes, { limit }),
    secrets: () => vault.list(),
    setSecret: (name, { value, hosts, tools }) =>
      vault.set(name, value, { ...(hosts ? { hosts } : {}), ...(tools ? { tools } : {}) }),
    deleteSecret: (name) => vault.remove(name),
    async spend() {
      const caps = { dailyUsd: config.DAILY_BUDGET_USD ?? null, monthlyUsd: config.MONTHLY_BUDGET_USD ?? null }
      return { ...(await spendOf(db, clock.now())), caps }
    },
    pair: (name) => infrastructure.pairings.make(name),
    runDemo: deps.runDemo,
    rota: (repo) => triage.rotas.get(repo ?? "*"),
    async setRota(rota, repo) {
      await triage.rotas.set(db, repo ?? "*", rota)
    },
    decisions: (query) => triage.decisions.recent(query),
  }
}

async function statusOf({ infrastructure, channels, model }: FeatureDeps): Promise<Status> {
  const { provider, model: name, because } = model.identity
  const [sms, telegram, email, github] = await Promise.all([
    probed("sms", channels.sms, "set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_NUMBER"),
    probed("telegram", channels.telegram, "set TELEGRAM_BOT_TOKEN"),
    probed("email", channels.email, "set SMTP_URL, EMAIL_FROM and OWNER_EMAIL"),
    probed("github", channels.api, "set GITHUB_TOKEN and GITHUB_REPOS"),
  ])
  return {
    version: VERSION,
    model: { provider, model: name, offline: model.offline, because },
    channels: [
      { id: "web", state: "ready", detail: "this server" },
      ...[telegram, sms, email, github].map((channel) => paused(channel, infrastructure)),
    ],
    database: { kind: infrastructure.db.kind },
    owner: { zone: infrastructure.owner.zone, hostZone: infrastructure.hostZone },
    memoryMb: Math.round(process.memoryUsage.rss() / 1_000_000),
  }
}

/** Whether a channel works now. Its provider is asked for the name of our account there. */
async function probed(
  id: ChannelId,
  channel: { probe(signal: AbortSignal): Promise<string> } | undefined,
  fix: string,
): Promise<ChannelStatus> {
  if (!channel) return { id, state: "off", detail: `not set up: ${fix}` }
  try {
    return { id, state: "ready", detail: await channel.probe(AbortSignal.timeout(PROBE_MS)) }
  } catch (error) {
    return { id, state: "failing", detail: `${codeOf(error)}: ${messageOf(error)}` }
  }
}

/** Adds the breaker's pause: a channel may answer the probe and still take no messages. */
function paused(channel: ChannelStatus, { breaker }: Infrastructure): ChannelStatus {
  const pause = breaker.paused().find(({ service }) => service === channel.id)
  if (!pause) return channel
  const detail = `${pause.failures} sends in a row failed; the next try is at ${pause.until.toISOString()}`
  return { ...channel, state: "failing", detail: `${detail} (${channel.detail})` }
}

/** The status as one line for people. */
export function statusLine({ model, channels, database }: Status): string {
  const at = model.offline ? "OFFLINE (commands only)" : `${model.model} (${model.provider})`
  const working = channels.filter((c) => c.state === "ready").map((c) => c.id)
  const failing = channels.filter((c) => c.state === "failing").map((c) => `${c.id}: ${c.detail}`)
  const trouble = failing.length > 0 ? ` Failing: ${failing.join("; ")}.` : ""
  return `Model: ${at}. Channels: ${working.join(", ")}. Database: ${database.kind}.${trouble}`
}
