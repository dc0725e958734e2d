/**
 * Hear: a recording as words. Paid for like every call of a model: the most it can cost is reserved before and settled after;
 * an endpoint that will not take it is no reason to leave the person without an answer.
 */
import { codeOf, Misconfigured, messageOf, Reject } from "../../base/errors.ts"
import type { Transcriber, Transcript } from "../../model/model.ts"
import type { MediaStore } from "../../thread/inbox/media.ts"
import type { RunContext } from "../durable/run-context.ts"

export interface KeptRecording {
  hash: string
  type: string
  size: number
  seconds?: number
}

/** `unread`: why there are no words, as a sentence in the first person. */
export type HeardRecording = Transcript & { unread?: string }

export async function transcribeRecording(
  { store, transcriber }: { store: Pick<MediaStore, "load">; transcriber: Transcriber },
  context: RunContext,
  sound: KeptRecording,
): Promise<HeardRecording> {
  const { hash, type, size, seconds } = sound
  const length = seconds === undefined ? {} : { seconds }
  return await context.steps.paid<HeardRecording>("transcribe", {
    request: { hash, type, size, ...length },
    model: transcriber.model,
    amount: () => transcriber.estimate({ size, ...length }),
    async make() {
      const kept = await store.load(hash)
      if (kept === null) return silent(transcriber, "I no longer have it")
      try {
        const told = await transcriber.transcribe({ bytes: kept.bytes, type, ...length }, context.steps.signal)
        return told.text === "" ? { ...told, unread: "I could hear no words in it" } : told
      } catch (error) {
        const final = error instanceof Reject || error instanceof Misconfigured || context.run.attempts > 0
        if (!final || context.steps.signal.aborted) throw error
        return silent(transcriber, `I could not hear it: ${messageOf(error)} (${codeOf(error)})`)
      }
    },
  })
}

/** Nothing was taken, and nothing is owed. */
function silent({ model }: Transcriber, unread: string): HeardRecording {
  return { text: "", unread, usage: { input: 0, cached: 0, output: 0 }, cost: 0, provider: "", model }
}
