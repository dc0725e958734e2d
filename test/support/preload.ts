/**
 * Preload: the inner end of `ask` in process.ts, for modules that are imported before the product. Each question is answered by
 * its number, and waiting for questions keeps no process up.
 */

/** @param answer gives undefined for a question that is for another module. */
export function answerParent(answer: (question: object) => unknown): void {
  process.on("message", async (message) => {
    if (!isQuestion(message)) return
    const { id, question } = message
    try {
      const given = await answer(question)
      if (given !== undefined) process.send?.({ id, answer: given })
    } catch (error) {
      process.send?.({ id, error: String(error) })
    }
  })
  process.channel?.unref()
}

function isQuestion(message: unknown): message is { id: number; question: object } {
  return typeof message === "object" && message !== null && "id" in message && "question" in message
}
