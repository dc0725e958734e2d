import { expect, test } from "vitest"
import { inSlots } from "./slots.ts"

const isBusy = (task: string) => task.startsWith("busy")
const slots = [{ first: isBusy }, { first: (task: string) => !isBusy(task), only: true as const }]

test("every task is done once, each slot beginning with its own in their order", async () => {
  const begun: string[] = []
  const open: (() => void)[] = []
  const tasks = ["busy 1", "wait 1", "busy 2", "wait 2", "wait 3"]
  const all = inSlots(tasks, slots, async (task) => {
    begun.push(task)
    await new Promise<void>((resolve) => open.push(resolve))
  })
  const turn = async () => {
    for (const resolve of open.splice(0)) resolve()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(begun).toEqual(["busy 1", "wait 1"])
  await turn()
  expect(begun).toEqual(["busy 1", "wait 1", "busy 2", "wait 2"])
  await turn()
  await turn()
  await all
  expect(begun.toSorted()).toEqual(tasks.toSorted())
})

test("a slot without work of its own helps, unless it takes only its own", async () => {
  const begun: string[] = []
  await inSlots(["wait 1", "wait 2"], [{ first: isBusy }], async (task) => void begun.push(task))
  expect(begun).toEqual(["wait 1", "wait 2"])
  await inSlots(["busy 1"], [{ first: (task) => !isBusy(task), only: true }], async (task) => void begun.push(task))
  expect(begun).toEqual(["wait 1", "wait 2"])
})
