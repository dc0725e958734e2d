/** Order: messages are numbered as they were sent, runs of a thread follow each other, and only its holder writes. */
import type { Evidence, RunRow } from "./evidence.ts"

/** What was sent after another was acknowledged has the higher number. */
export function outOfOrder({ acknowledged, inbox }: Evidence): string[] {
  const seqs = new Map(inbox.map((row) => [row.tag, row.seq]))
  return [...Map.groupBy(acknowledged, ({ lane }) => lane)].flatMap(([lane, sent]) => {
    const acks = sent.map(({ at, tag }) => ({ at, tag, seq: seqs.get(tag) ?? 0 })).sort((a, b) => a.at - b.at)
    let highest: { tag: string; seq: number } = { tag: "", seq: 0 }
    let next = 0
    return sent
      .toSorted((a, b) => a.sentAt - b.sentAt)
      .flatMap(({ tag, sentAt }) => {
        for (let ack = acks[next]; ack && ack.at < sentAt; ack = acks[++next]) if (ack.seq > highest.seq) highest = ack
        const seq = seqs.get(tag)
        return seq === undefined || seq > highest.seq
          ? []
          : [`lane ${lane} was numbered out of order: ${tag} is ${seq}, ${highest.tag} before it ${highest.seq}`]
      })
  })
}

/** One worker a thread: its runs follow each other, in the order of their messages. A run that waited was passed by. */
export function overlapping({ inbox, runs, waits }: Evidence): string[] {
  const waited = new Set(waits.map(({ runId }) => runId))
  const first = new Map<string, number>()
  for (const { runId, seq } of inbox) if (runId) first.set(runId, Math.min(seq, first.get(runId) ?? seq))
  const firstSeq = (run: RunRow) => first.get(run.id) ?? 0
  const judged = runs.filter((run) => !waited.has(run.id))
  return [...Map.groupBy(judged, (run) => run.threadId)].flatMap(([thread, all]) => {
    const ordered = all.toSorted((a, b) => firstSeq(a) - firstSeq(b))
    return ordered.flatMap((run, index) => {
      const before = ordered[index - 1]
      const follows = !before || (before.endedAt !== null && before.endedAt <= run.startedAt)
      return follows ? [] : [`run ${run.id} of thread ${thread} began before run ${before.id} had ended`]
    })
  })
}

/** Epochs of a thread only rise: a lower one after a higher was written, or after it was claimed, is of a worker that had lost it. */
export function staleWriters({ journal, runs, claims }: Evidence): string[] {
  const threadOf = new Map(runs.map((run) => [run.id, run.threadId]))
  const claimed = new Map(claims.map(({ threadId, epoch, at }) => [`${threadId} ${epoch}`, at.getTime()]))
  const reached = new Map<string, number>()
  return journal.flatMap(({ runId, epoch, n, name, at }) => {
    const thread = threadOf.get(runId) ?? runId
    const before = reached.get(thread) ?? 0
    reached.set(thread, Math.max(before, epoch))
    const lostAt = claimed.get(`${thread} ${epoch + 1}`) ?? Number.POSITIVE_INFINITY
    const after = epoch < before ? before : at.getTime() > lostAt ? epoch + 1 : null
    return after === null
      ? []
      : [`a stale worker wrote to run ${runId}: step ${n} (${name}), epoch ${epoch} after ${after}`]
  })
}
