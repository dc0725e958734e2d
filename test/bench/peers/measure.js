/** Runs a peer's turns one after the other, each on a thread of its own, and tells the parent how long each took. */
const { MODEL_URL, DATABASE_URL, TURNS = "200", WARM = "40" } = process.env

export const settings = { modelUrl: MODEL_URL ?? "", databaseUrl: DATABASE_URL ?? "" }

/** @param turn takes the person's words and a thread, and resolves to the reply once its state is in Postgres */
export async function measure(turn) {
  const figures = {}
  for (const [name, words, expected] of [
    ["ping", "ping", "pong"],
    ["tools", "do the three steps", "three steps are done"],
  ]) {
    const times = []
    for (let n = 0; n < Number(TURNS) + Number(WARM); n++) {
      const start = performance.now()
      const reply = await turn(words, `${name}-${process.pid}-${n}`)
      if (reply !== expected) throw new Error(`the reply to "${words}" was ${JSON.stringify(reply)}`)
      if (n >= Number(WARM)) times.push(performance.now() - start)
    }
    figures[name] = times
  }
  const rss = process.memoryUsage.rss()
  process.send?.({ figures, rss, readyMs: figures.readyMs })
}
