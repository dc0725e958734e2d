/**
 * Clock injector: imported before the product; its wall clock jumps when its parent says so, as when a machine's clock is set,
 * while timers run on. The embedded database reads the same clock.
 */
import { answerParent } from "../../support/preload.ts"

const RealDate = Date
let offset = 0

const now = () => RealDate.now() + offset

globalThis.Date = new Proxy(RealDate, {
  construct(target, given, as) {
    return Reflect.construct(target, given.length === 0 ? [now()] : given, as)
  },
  apply: () => new RealDate(now()).toString(),
  get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver)),
})

answerParent((question) => {
  if (!("shiftMs" in question)) return undefined
  offset = Number(question.shiftMs)
  return { shiftMs: offset }
})
