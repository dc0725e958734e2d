/**
 * Tool step: the place of one tool call in the journal. It says what an earlier life of the run left there, and writes down
 * what is about to be done and what came of it. Whoever makes the call sees no cursor, only these verbs.
 *
 * S1 The intent is in the journal before the effect. A tool that only looks is free to go first: it changes nothing.
 * S2 A database tool commits its work with its outcome: it is done exactly once, or not at all.
 * S3 An approval is used up in the transaction that journals the intent it allows.
 * S4 The operation id belongs to the place: every life of the run gives the call the same one.
 */
import { z } from "zod"
import { canonical, sha256 } from "../../base/canonical.ts"
import type { Db, Tx } from "../../db/db.ts"
import type { Entry, Phase, Replay } from "../../journal/journal.ts"
import type { Tool, ToolContext, ToolResult } from "../../tools/tool.ts"
import type { JournalCursor, Recorded } from "./journal-cursor.ts"

/**
 * `start`: nothing. `begun`: an intent without an outcome; whoever wrote it died. `ended`: the outcome. `asked`: a person was
 * asked about the call; `shown` is the hash of the arguments that they saw.
 */
export type RecordedCall =
  | { at: "start" }
  | { at: "begun" }
  | { at: "ended"; result: ToolResult }
  | { at: "asked"; shown: string | undefined; isClosed: boolean }

interface Intent {
  replay: Replay
  args: Record<string, unknown>
  /** For the trace: the arguments, and why the call may be made. */
  request: unknown
}

/** The approval of a call, as its intent uses it up. */
interface UsedApproval {
  /** What the person said, for the journal. */
  result: unknown
  use: (tx: Tx) => Promise<void>
}

export interface ToolStep {
  readonly runId: string
  readonly n: number
  readonly opId: string
  readonly found: RecordedCall
  /** The call never reaches its tool: unknown name, refused arguments, denied. */
  refuse(request: unknown, result: ToolResult): ToolResult
  /** Writes the intent; the effect comes after it (S1). */
  begin(intent: Intent): Promise<void>
  /** Keeps the outcome, to be written with whatever comes next. */
  end(replay: Replay, result: ToolResult): ToolResult
  /** Intent, work and outcome of a database tool in one transaction (S2). */
  commit(intent: Intent, work: (tx: Tx) => Promise<ToolResult>): Promise<ToolResult>
  /** A transaction that took its work back: only the failure is kept. */
  rolledBack(intent: Intent, result: ToolResult): ToolResult
  /** Closes the approval that stands here with what became of the call. */
  close(result: ToolResult): ToolResult
  /** The step of the approved call: it has the number after its approval's, which it uses up (S3). */
  approved(approval: UsedApproval): ToolStep
  /** The number at which a person is asked whether this call happened, and whether that was done. */
  askedAfter(): { n: number; isAsked: boolean }
}

/** A call that has its arguments; nothing of it is done yet. */
export interface ReadyCall {
  step: ToolStep
  tool: Tool
  args: Record<string, unknown>
  context: ToolContext
}

export function createToolStep(cursor: JournalCursor, db: Db, name: string, given?: Closing): ToolStep {
  const { n, opId, before } = cursor.next("tool", name)
  // Where the intent is there already, the approval was used up with it.
  const approval = before.intent ? undefined : given
  const entry = (replay: Replay, phase: Phase, more: Pick<Entry, "request" | "result" | "argsHash">): Entry => ({
    ...{ n, opId, phase, kind: "tool", name, replay },
    ...more,
  })
  const closing = { n, opId, phase: "resolution", kind: "wait", name, replay: "pure" } as const
  const intentOf = ({ replay, args, request }: Intent): Entry[] => [
    ...(approval ? [approval.entry] : []),
    entry(replay, "intent", { request, argsHash: sha256(canonical(args)) }),
  ]
  return {
    ...{ runId: cursor.runId, n, opId, found: foundIn(cursor, before) },
    refuse(request, result) {
      cursor.keep(entry("pure", "intent", { request }), entry("pure", "outcome", { result }))
      return result
    },
    async begin(intent) {
      const before = intentOf(intent)
      if (approval) {
        // S3
        await db.transaction(async (tx) => {
          await approval.use(tx)
          await cursor.write(before, tx)
        })
      } else if (intent.replay === "pure") cursor.keep(...before)
      else await cursor.write(before) // S1
    },
    end(replay, result) {
      cursor.keep(entry(replay, "outcome", { result }))
      return result
    },
    commit: async (intent, work) =>
      await db.transaction(async (tx) => {
        await approval?.use(tx) // S3
        const result = await work(tx)
        await cursor.write([...intentOf(intent), entry(intent.replay, "outcome", { result })], tx) // S2
        return result
      }),
    rolledBack(intent, result) {
      cursor.keep(...intentOf(intent), entry(intent.replay, "outcome", { result }))
      return result
    },
    close(result) {
      cursor.keep({ ...closing, result })
      return result
    },
    approved: ({ result, use }) => createToolStep(cursor, db, name, { entry: { ...closing, result }, use }),
    askedAfter() {
      const asked = cursor.next("wait", name)
      return { n: asked.n, isAsked: asked.before.intent !== undefined }
    },
  }
}

interface Closing {
  entry: Entry
  use: (tx: Tx) => Promise<void>
}

function foundIn(cursor: JournalCursor, { intent, outcome, resolution }: Recorded): RecordedCall {
  if (outcome) {
    passUncertain(cursor)
    // The journal gives back what this very code wrote at this step, so its shape is known.
    return { at: "ended", result: outcome.result as ToolResult }
  }
  if (intent?.kind === "wait") return { at: "asked", shown: intent.argsHash, isClosed: resolution !== undefined }
  return { at: intent ? "begun" : "start" }
}

const uncertain = z.looseObject({ kind: z.literal("uncertain") })

/**
 * A crash may have left an approval about the outcome of this call, at the next number. It is passed by, or the next call
 * would take its answer for its own approval.
 */
function passUncertain(cursor: JournalCursor): void {
  const next = cursor.ahead().before?.intent
  if (next?.kind === "wait" && uncertain.safeParse(next.request).success) cursor.skip()
}
