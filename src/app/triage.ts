/** Triage, wired: a GitHub client for each repository (the real one or the demo's), and what runs, tools and sweeps share. */
import type { Handler } from "../agent/durable/run-context.ts"
import { GITHUB_WEBHOOK } from "../channels/github/webhook.ts"
import type { Channels } from "../channels/open.ts"
import type { Model } from "../model/model.ts"
import type { Tool } from "../tools/tool.ts"
import { createDecisions, type Decisions } from "../triage/decisions/decisions.ts"
import { createLearning } from "../triage/decisions/learning.ts"
import { createDemoGitHub, DEMO_REPO } from "../triage/demo/repository.ts"
import type { GitHubOf } from "../triage/repository/apply.ts"
import { type Corrections, createCorrections } from "../triage/repository/corrections.ts"
import { createLabels } from "../triage/repository/labels.ts"
import { createRedelivery } from "../triage/repository/redelivery.ts"
import { createRotas, type Rotas } from "../triage/repository/rota.ts"
import { createSweep, type Sweep } from "../triage/repository/sweep.ts"
import { createTriageTool } from "../triage/tool.ts"
import { createTriage, createTriageTools } from "../triage/triage.ts"
import type { Infrastructure } from "./infrastructure.ts"
import type { Stores } from "./stores.ts"

export interface Triage {
  handler: Handler
  /** Only triage runs use these. */
  tools: Tool[]
  /** The tool of conversations. */
  tool: Tool
  sweep: Sweep
  decisions: Decisions
  corrections: Corrections
  rotas: Rotas
}

export interface TriageWiring {
  infrastructure: Infrastructure
  channels: Channels
  model: Model
  stores: Stores
}

export function openTriage({ infrastructure, channels, model, stores }: TriageWiring): Triage {
  const { db, kv, clock, log, inbox, config, hostZone } = infrastructure
  const { memory } = stores
  const decisions = createDecisions(db)
  const labels = createLabels({ kv, clock })
  const corrections = createCorrections({ kv, decisions })
  const rotas = createRotas({ kv, zone: () => infrastructure.owner.zone ?? hostZone })
  const demo = createDemoGitHub()
  const github: GitHubOf = (repo) => (repo.toLowerCase() === DEMO_REPO ? demo : (channels.api ?? null))
  const evidence = { memory, decisions, learning: createLearning(decisions) }
  const { api } = channels
  const isCalled = api && channels.github && config.PUBLIC_URL
  const url = `${config.PUBLIC_URL}${GITHUB_WEBHOOK}`
  const redeliver = isCalled ? createRedelivery({ db, clock, log, kv, hooks: api.hooks, url }) : undefined
  return {
    decisions,
    corrections,
    rotas,
    handler: createTriage({
      ...evidence,
      github,
      labels,
      rotas,
      offline: model.offline,
      demoRepos: new Set([DEMO_REPO]),
    }),
    tools: createTriageTools({ github, labels, decisions, memory }),
    tool: createTriageTool({ ...evidence, github, inbox, labels, rotas }),
    sweep: createSweep({
      db,
      clock,
      log,
      kv,
      inbox,
      decisions,
      corrections,
      github,
      repos: config.GITHUB_REPOS,
      ...(redeliver ? { redeliver } : {}),
    }),
  }
}
