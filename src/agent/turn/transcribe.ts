/**
 * Hear: a recording as words. Paid for like every call of a model: the most it can cost is reserved before and settled after;
 * an endpoint that will not take it is no reason to leave the person without an answer.
 */
import { codeOf, Misconfigured, messageOf, Reject } from "../../base/errors.ts"
import type { Transcriber, Transcript } from "../../model/model.ts"
import type { MediaStore } from "../../thread/inbox/media.ts"
import type { Job } from "../durable/run-context.ts"

export interface Sound {
  hash: string
  type: string
  size: number
  seconds?: number
}

/** `unread`: why there are no words, as a sentence in the first person. */
export type Told = Transcript & { unread?: string }

export async function hear(
  { store, transcriber }: { store: Pick<MediaStore, "load">; transcriber: Transcriber },
  job: Job,
  sound: Sound,
): Promise<Told> {
  const { hash, type, size, seconds } = sound
  const length = seconds === undefined ? {} : { seconds }
  return await job.steps.paid<Told>("transcribe", {
    request: { hash, type, size, ...length },
    model: transcriber.model,
    amount: () => transcriber.estimate({ size, ...length }),
    async make() {
      const kept = await store.load(hash)
      if (kept === null) return silent(transcriber, "I no longer have it")
      try {
        const told = await transcriber.transcribe({ bytes: kept.bytes, type, ...length }, job.steps.signal)
        return told.text === "" ? { ...told, unread: "I could hear no words in it" } : told
      } catch (error) {
        const final = error instanceof Reject || error instanceof Misconfigured || job.run.attempts > 0
        if (!final || job.steps.signal.aborted) throw error
        return silent(transcriber, `I could not hear it: ${messageOf(error)} (${codeOf(error)})`)
      }
    },
  })
}

/** Nothing was taken, and nothing is owed. */
function silent({ model }: Transcriber, unread: string): Told {
  return { text: "", unread, usage: { input: 0, cached: 0, output: 0 }, cost: 0, provider: "", model }
}
