/**
 * Faults: the product with one of its guards taken out, made by changing its source as it is loaded. A change that no longer
 * fits the source is an error: a control that changes nothing would prove nothing.
 */
export type FaultName = "fence" | "intent" | "acknowledge"

interface Change {
  /** Within `src`. */
  file: string
  from: string
  to: string
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is source, as it stands in the files.
const FENCE = " and owner = ${fence.owner} and epoch = ${fence.epoch}"

/** Every occurrence is changed. */
export const FAULTS: Record<FaultName, Change[]> = {
  // Whoever writes, writes: nobody looks whether the thread is still theirs.
  fence: ["journal/journal.ts", "thread/runs/finish.ts", "thread/runs/lease.ts"].map((file) => ({
    file,
    from: FENCE,
    to: "",
  })),
  // The effect comes first, and what it was is written down with its outcome.
  intent: [
    { file: "agent/durable/tool-step.ts", from: "else await cursor.write(before)", to: "" },
    {
      file: "agent/durable/tool-step.ts",
      from: "await cursor.write(before, tx)",
      to: "await cursor.write([approval.entry], tx)",
    },
  ],
  // The sender hears yes first; the commit comes a moment later.
  acknowledge: [
    {
      file: "thread/inbox/inbox.ts",
      from: `const { wake, posted, ...accepted } = await db.transaction((tx) => acceptIn(tx, event))
      if (wake) notifier.notify("work", wake)
      if (posted) notifier.notify("outbox", posted)
      return accepted`,
      to: `setTimeout(async () => {
        const { wake, posted } = await db.transaction((tx) => acceptIn(tx, event))
        if (wake) notifier.notify("work", wake)
        if (posted) notifier.notify("outbox", posted)
      }, 200)
      return { id: newId(), threadId: idOf(event.threadKey), duplicate: false }`,
    },
  ],
}

/** Throws when a change does not fit `source`. */
export function withFault(changes: Change[], file: string, source: string): string {
  return changes
    .filter((change) => change.file === file)
    .reduce((text, { from, to }) => {
      const changed = text.replaceAll(from, to)
      if (changed === text) throw new Error(`the fault does not fit src/${file} any more: it no longer holds ${from}`)
      return changed
    }, source)
}
