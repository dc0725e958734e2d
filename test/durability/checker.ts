/**
 * Checker: whether a history of messages, kills and restarts kept the promises, from what the database holds and what the
 * outside world saw. Pure: it is tested by planting violations.
 */

/** A message that was answered with success; a lane's are in the order in which they were sent. */
export interface Acknowledged {
  lane: string
  /** `job-7`, `issue-7`: in the event's content, so that its row can be found. */
  tag: string
}

export interface InboxRow {
  tag: string
  threadId: string
  seq: number
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
  threadId: string
  seq: number
  channel: string
  state: string
  attempts: number
  tags: string[]
}

export interface Evidence {
  acknowledged: Acknowledged[]
  inbox: InboxRow[]
  runs: RunRow[]
  /** In the order of writing. */
  journal: JournalRow[]
  outbox: OutboxRow[]
  /** Rows of steps that must happen once, by what they hold, with how many there are. */
  rows: { name: string; times: number }[]
  /** Model requests as the model saw them. */
  asked: { no: number; question: string; at: Date }[]
  /** Labels as GitHub saw them come. */
  labelled: { issue: number; at: Date }[]
  /** Replies as the channels saw them come, in order. */
  arrived: { channel: string; tags: string[] }[]
  /** Threads that somebody still holds. */
  held: string[]
  /** Journal rows that do not follow from the row before them. */
  broken: number[]
}

/** Every broken promise, one sentence each. */
export function violations(evidence: Evidence): string[] {
  return [
    ...lostOrDoubled(evidence),
    ...outOfOrder(evidence),
    ...overlapping(evidence),
    ...brokenJournal(evidence),
    ...askedAgain(evidence),
    ...repeatedEffects(evidence),
    ...replies(evidence),
    ...evidence.held.map((thread) => `thread ${thread} is still held`),
    ...evidence.broken.map((id) => `journal row ${id} does not follow from the one before it`),
  ]
}

function lostOrDoubled({ acknowledged, inbox, runs }: Evidence): string[] {
  const rows = Map.groupBy(inbox, (row) => row.tag)
  const doubled = [...rows].flatMap(([tag, all]) =>
    all.length > 1 ? [`${tag} is in the inbox ${all.length} times`] : [],
  )
  const unfinished = acknowledged.flatMap(({ tag }) => {
    const [row] = rows.get(tag) ?? []
    if (!row) return [`${tag} was acknowledged and is not in the inbox`]
    const run = runs.find(({ id }) => id === row.runId)
    return run?.state === "done" && row.state === "done"
      ? []
      : [
          `${tag} was acknowledged and is ${row.state}, its run ${run?.state ?? "missing"} after ${run?.attempts} crashes`,
        ]
  })
  return [...doubled, ...unfinished]
}

function outOfOrder({ acknowledged, inbox }: Evidence): string[] {
  const lanes = Map.groupBy(acknowledged, ({ lane }) => lane)
  return [...lanes].flatMap(([lane, sent]) => {
    const seqs = sent.flatMap(({ tag }) => inbox.find((row) => row.tag === tag)?.seq ?? [])
    return isRising(seqs) ? [] : [`lane ${lane} was numbered out of order: ${seqs.join(", ")}`]
  })
}

/** One worker a thread: its runs follow each other, in the order of their messages. */
function overlapping({ inbox, runs }: Evidence): string[] {
  const firstSeq = (run: RunRow) => Math.min(...inbox.filter((row) => row.runId === run.id).map((row) => row.seq))
  return [...Map.groupBy(runs, (run) => run.threadId)].flatMap(([thread, all]) => {
    const ordered = all.toSorted((a, b) => firstSeq(a) - firstSeq(b))
    return ordered.flatMap((run, index) => {
      const before = ordered[index - 1]
      const follows = !before || (before.endedAt !== null && before.endedAt <= run.startedAt)
      return follows ? [] : [`run ${run.id} of thread ${thread} began before run ${before.id} had ended`]
    })
  })
}

function brokenJournal({ journal, runs }: Evidence): string[] {
  return runs.flatMap((run) => {
    const entries = journal.filter((entry) => entry.runId === run.id)
    const epochs = entries.map((entry) => entry.epoch)
    const stale = epochs.some((epoch, index) => epoch < (epochs[index - 1] ?? 0))
      ? [`a stale worker wrote to run ${run.id}`]
      : []
    const open = entries.filter(
      ({ n, phase, kind }) =>
        phase === "intent" && kind !== "wait" && !entries.some((e) => e.n === n && e.phase === "outcome"),
    )
    const unended =
      run.state === "done" ? open.map(({ n, name }) => `step ${n} (${name}) of run ${run.id} has no outcome`) : []
    return [...stale, ...unended]
  })
}

/** A model is asked again only while the journal does not have its answer. */
function askedAgain({ journal, asked }: Evidence): string[] {
  return journal.flatMap(({ answer, at, runId, n }) => {
    const question = asked.find(({ no }) => no === answer)?.question
    const again = asked.filter((call) => call.question === question && call.no !== answer && call.at > at)
    return question === undefined || again.length === 0
      ? []
      : [`the model was asked for step ${n} of run ${runId} again (request ${again.map(({ no }) => no).join(", ")})`]
  })
}

function repeatedEffects({ rows, journal, labelled, runs }: Evidence): string[] {
  const counted = rows.flatMap(({ name, times }) => (times === 1 ? [] : [`${name} is there ${times} times`]))
  const applied = journal.filter(({ issue, phase }) => issue !== null && phase === "outcome")
  const late = applied.flatMap(({ issue, at, runId }) => {
    const writes = labelled.filter((write) => write.issue === issue)
    const tries = 1 + (runs.find(({ id }) => id === runId)?.attempts ?? 0)
    return [
      ...(writes.some((write) => write.at > at) ? [`issue ${issue} was labelled after that was journalled`] : []),
      ...(writes.length > tries ? [`issue ${issue} was labelled ${writes.length} times in ${tries} tries`] : []),
    ]
  })
  return [...counted, ...late]
}

/** Once each, in order; more only where the outbox knows of another try, none only where it says that it cannot know. */
function replies({ acknowledged, outbox, arrived }: Evidence): string[] {
  const isJob = (tag: string) => tag.startsWith("job-")
  const missing = acknowledged
    .filter(({ tag }) => isJob(tag))
    .flatMap(({ tag }) => {
      const rows = outbox.filter((row) => row.tags.includes(tag))
      return rows.length === 1 ? [] : [`${tag} has ${rows.length} replies in the outbox`]
    })
  const sent = outbox.filter((row) => row.channel !== "web" && row.tags.length > 0)
  const delivery = sent.flatMap((row) => {
    const times = arrived.filter((reply) => reply.tags.join() === row.tags.join()).length
    const name = `the reply to ${row.tags.join(", ")}`
    if (times === 0 && !(row.state === "uncertain" && row.attempts > 1)) return [`${name} never arrived (${row.state})`]
    return times > 1 && row.attempts < times ? [`${name} arrived ${times} times in ${row.attempts} tries`] : []
  })
  return [...missing, ...delivery, ...arrivedOutOfOrder(sent, arrived)]
}

function arrivedOutOfOrder(sent: OutboxRow[], arrived: Evidence["arrived"]): string[] {
  return [...Map.groupBy(sent, (row) => row.threadId)].flatMap(([thread, rows]) => {
    const places = rows
      .toSorted((a, b) => a.seq - b.seq)
      .map((row) => arrived.findIndex((reply) => reply.tags.join() === row.tags.join()))
      .filter((place) => place >= 0)
    return isRising(places) ? [] : [`replies of thread ${thread} arrived out of order`]
  })
}

function isRising(numbers: number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0))
}
