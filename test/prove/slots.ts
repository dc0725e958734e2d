/**
 * Slots: proofs side by side, so that two processors are never idle while one of them waits for a lease to run out. What is
 * busy goes first in one slot, what waits in another; a slot that is done with its own helps with the other's.
 */
export interface Slot<Task> {
  /** Which of these it takes first, and after them the others; `only` when it takes no others. */
  first(task: Task): boolean
  only?: true
}

/** Does all tasks, those of each slot in the order given, and ends when all are done. Whatever `act` throws ends all slots. */
export async function inSlots<Task>(
  tasks: readonly Task[],
  slots: readonly Slot<Task>[],
  act: (task: Task) => Promise<void>,
): Promise<void> {
  const left = [...tasks]
  const next = ({ first, only }: Slot<Task>): Task | undefined => {
    const own = left.findIndex(first)
    if (own === -1 && only) return undefined
    return left.splice(Math.max(own, 0), 1)[0]
  }
  await Promise.all(
    slots.map(async (slot) => {
      for (let task = next(slot); task !== undefined; task = next(slot)) await act(task)
    }),
  )
}
