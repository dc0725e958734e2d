/** Evidence: what a history of messages, kills and restarts left behind, in the tables and outside of the product. */

/** A message that was answered with success. Times are milliseconds since the epoch. */
export interface Acknowledged {
  lane: string
  /** `job-7`, `issue-7`, or the event's id at its sender: in the event, so that its row can be found. */
  tag: string
  /** When it was first sent, and when the success came. */
  sentAt: number
  at: number
}

export interface InboxRow {
  tag: string
  threadId: string
  seq: number
  /** `due` events are told apart from what people and GitHub sent. */
  kind: string
  state: string
  runId: string | null
}

export interface RunRow {
  id: string
  threadId: string
  state: string
  attempts: number
  startedAt: Date
  endedAt: Date | null
}

export interface JournalRow {
  runId: string
  n: number
  phase: string
  kind: string
  name: string
  epoch: number
  at: Date
  /** Number of the model's answer that it holds; null for anything else. */
  answer: number | null
  /** Number of the issue that the step changed; null for anything else. */
  issue: number | null
}

export interface OutboxRow {
  id: string
  threadId: string
  runId: string | null
  key: string
  /** It was sent again, on another channel, for a message that failed. */
  isFallback: boolean
  seq: number
  channel: string
  state: string
  attempts: number
  /** Jobs that it says are done. */
  tags: string[]
  /** Those of them on the first page: by SMS the rest of a long answer is sent only when the person asks for it. */
  firstPage: string[]
  /** It says that a limit ended the run before it was done. */
  isLimit: boolean
}

export interface ApprovalRow {
  runId: string
  state: string
  isUsed: boolean
  /** Number of the issue that the question is about. */
  issue: number
}

/** An automation with its instants. */
export interface Schedule {
  id: number
  /** `once`: at `firstAt`; else one instant every so many milliseconds, from `firstAt` on. */
  everyMs: number | null
  firstAt: Date
  /** Up to when it was looked at. */
  handledTo: Date
  instants: { dueAt: Date; state: string }[]
}

export interface Evidence {
  acknowledged: Acknowledged[]
  inbox: InboxRow[]
  runs: RunRow[]
  /** In the order of writing. */
  journal: JournalRow[]
  outbox: OutboxRow[]
  waits: ApprovalRow[]
  schedules: Schedule[]
  /** Rows of steps that must happen once, with the job that makes them and how many there are. */
  rows: { name: string; tag: string; times: number }[]
  /** Model requests as the model saw them. */
  asked: { no: number; question: string; at: Date }[]
  /** Labels as GitHub saw them come. */
  labelled: { issue: number; at: Date }[]
  /** Messages as the channels saw them come, in order; `op` is the outbox row, where the channel was told. */
  arrived: { channel: string; op: string; text: string; tags: string[] }[]
  /** What the owner said about an issue they were asked about. */
  verdicts: { issue: number; verdict: "OK" | "NO" }[]
  /** When threads were taken by a worker, as far as that was seen. */
  claims: { threadId: string; epoch: number; at: Date }[]
  /** Moments at which a process went on that had been frozen, or that came to no processor for longer than a lease. */
  wakes: Date[]
  /** Threads that somebody still holds. */
  held: string[]
  /** Journal rows that do not follow from the row before them. */
  broken: number[]
  /** Processes that ended by themselves, with their last words. */
  crashes: string[]
}

/** What cannot be known or is so by design, to be told beside the violations. */
export interface Figures {
  deadLettered: number
  duplicatesExplained: number
  /** Sent or not, the outbox says that it cannot know. */
  uncertain: number
  /** Runs that a limit of steps or calls ended, and that said so. */
  limited: number
}
