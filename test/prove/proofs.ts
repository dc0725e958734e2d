/** Proofs: all there are, in the order of the report. */
import { approvals } from "./approvals.ts"
import { crashPoints } from "./crash-points.ts"
import { badConnections } from "./faults/bad-connections.ts"
import { clockJumps } from "./faults/clock-jumps.ts"
import { databaseRestarts } from "./faults/database-restarts.ts"
import { diskFull } from "./faults/disk-full.ts"
import { gracefulStop } from "./faults/graceful-stop.ts"
import { listenDropped } from "./faults/listen-dropped.ts"
import { zombies } from "./faults/zombies.ts"
import { ackBeforeCommit, fenceOff, intentOff } from "./kill/controls.ts"
import { killLoop } from "./kill/kill-loop.ts"
import { powerCuts, stockPglite } from "./power.ts"
import { SUITES } from "./promises.ts"
import type { Proof } from "./proof.ts"
import { secretsSweep } from "./secrets/sweep.ts"
import { longSoak, soak } from "./soak.ts"

const WAITS = [zombies, gracefulStop, databaseRestarts, listenDropped, badConnections, diskFull, clockJumps]

export const PROOFS: readonly Proof[] = [
  killLoop,
  fenceOff,
  intentOff,
  ackBeforeCommit,
  crashPoints,
  powerCuts,
  stockPglite,
  ...WAITS,
  soak,
  longSoak,
  approvals,
  secretsSweep,
  ...SUITES,
]

/** Too long for a run of all: carried out when named, and kept in the report until then. */
export const APART: ReadonlySet<string> = new Set([longSoak.name])

/** Those that start no process of the product: nothing has to be warm for them. */
export const WITHIN: ReadonlySet<Proof> = new Set([powerCuts, stockPglite, approvals, ...SUITES])

/** Those that wait for a fault to pass for most of their time, and leave the processors to others. */
export const WAITING: ReadonlySet<Proof> = new Set(WAITS)

/** What the short form does first: much is shown in little time. */
export const FIRST: ReadonlySet<Proof> = new Set([crashPoints, approvals, secretsSweep, powerCuts])

/** What it comes to when there is time for it: others show the same, or more of it in less time. */
export const LAST: ReadonlySet<Proof> = new Set([soak, fenceOff, intentOff, ackBeforeCommit])
