/**
 * Lanes: proofs side by side, so that two processors are never idle while one of them waits for a lease to run out. What is
 * busy goes first in one lane, what waits in another; a lane that is done with its own helps with the other's.
 */
export interface Lane<Task> {
  /** Which of these it takes first, and after them the others; `only` when it takes no others. */
  first(task: Task): boolean
  only?: true
}

/** Does all tasks, those of each lane in the order given, and ends when all are done. Whatever `act` throws ends all lanes. */
export async function inLanes<Task>(
  tasks: readonly Task[],
  lanes: readonly Lane<Task>[],
  act: (task: Task) => Promise<void>,
): Promise<void> {
  const left = [...tasks]
  const next = ({ first, only }: Lane<Task>): Task | undefined => {
    const own = left.findIndex(first)
    if (own === -1 && only) return undefined
    return left.splice(Math.max(own, 0), 1)[0]
  }
  await Promise.all(
    lanes.map(async (lane) => {
      for (let task = next(lane); task !== undefined; task = next(lane)) await act(task)
    }),
  )
}
