import { describe, expect, test } from "vitest"
import { FAILURES, sendFailure } from "../../../src/channels/sms/failures.ts"
import { STATES, stateOf } from "../../../src/channels/sms/parse.ts"
import { noTwilioOracle, openTwilioOracle } from "../../support/twilio-oracle.ts"

test.each(Object.entries(FAILURES))("%s says what to do, in a sentence", (_code, failure) => {
  expect(failure.code).toMatch(/^[a-z_]+$/)
  expect(failure.fix).toMatch(/^[A-Z].+\.$/)
})

test.each([
  [21610, "opted_out"],
  [30034, "unregistered_sender"],
  [30532, "personal_use"],
  [63016, "window_closed"],
  [99999, "twilio_99999"],
  [undefined, "undelivered"],
])("%s is %s", (code, ours) => {
  expect(sendFailure(code).code).toBe(ours)
})

test("the fix for an unregistered sender names the other ways", () => {
  for (const code of [30034, 30532]) expect(sendFailure(code).fix).toMatch(/30532.*Telegram/)
})

describe(noTwilioOracle ? `states (${noTwilioOracle})` : "states", () => {
  test.skipIf(noTwilioOracle !== undefined)("every status that Twilio describes is one of ours", async () => {
    const described = (await openTwilioOracle())?.values("message_enum_status") ?? []
    expect(described.length).toBeGreaterThan(10)
    expect(Object.keys(STATES).toSorted()).toEqual(described.toSorted())
  })

  test("an unknown state counts as on its way", () => {
    expect(stateOf("teleported")).toBeNull()
  })
})
