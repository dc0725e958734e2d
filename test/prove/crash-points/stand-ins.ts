/** Stand-ins: what is outside of the process that dies: a model, a channel, and a ledger of every effect, which none of its deaths reach. */
import { z } from "zod"
import { type StandIn, startStandIn } from "../../support/stand-in.ts"
import { start as startTelegram, type TelegramStandIn } from "../../support/telegram-stand-in.ts"
import { startErrandModel } from "../power/errand-model.ts"

const SECRET = "0123456789abcdef0123456789abcdef"
const OWNER = 4242

export interface Effect {
  name: string
  number: number
  opId: string
}

export interface StandIns {
  env: Record<string, string>
  effects: Effect[]
  telegram: TelegramStandIn
  token: string
  /** The owner, or `from`, writes; sent until some process takes it. */
  write(to: () => string | null, said: { id: number; text: string; from?: number }): Promise<void>
  stop(): Promise<void>
}

const effect = z.object({ name: z.string(), number: z.number(), opId: z.string() })
const AGAIN_MS = 50

export async function startStandIns(): Promise<StandIns> {
  const effects: Effect[] = []
  const stopped = new AbortController()
  const [model, telegram, ledger] = await Promise.all([startErrandModel(), startTelegram(), startLedger(effects)])

  return {
    env: {
      PUBLIC_URL: "http://vigil.test",
      MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
      VIGIL_TOKEN: SECRET,
      LOG_LEVEL: "warn",
      OWNER_TIMEZONE: "Europe/Lisbon",
      OPENAI_BASE_URL: `${model.url}/v1`,
      OPENAI_API_KEY: "a-key-of-the-test",
      VIGIL_MODEL: "errands",
      VIGIL_EMBEDDING_MODEL: "letters",
      VIGIL_PROBE_LOCAL: "0",
      VIGIL_SEND_PACE: "off",
      DAILY_BUDGET_USD: "100",
      TELEGRAM_WEBHOOK_SECRET: SECRET,
      ...telegram.env,
      OWNER_TELEGRAM_ID: String(OWNER),
      CRASH_LEDGER: ledger.url,
    },
    effects,
    telegram,
    token: SECRET,
    async write(to, { id, text, from = OWNER }) {
      const message = {
        message_id: id,
        date: 1_700_000_000,
        chat: { id: from, type: "private" },
        from: { id: from, is_bot: false, first_name: "O" },
        text,
      }
      const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET }
      const body = JSON.stringify({ update_id: id, message })
      while (!stopped.signal.aborted) {
        const target = to()
        const answer =
          target === null
            ? null
            : await fetch(`${target}/webhooks/telegram`, { method: "POST", headers, body }).catch(() => null)
        if (answer?.ok) return
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
    },
    async stop() {
      stopped.abort()
      await Promise.all([model.stop(), telegram.stop(), ledger.stop()])
    },
  }
}

function startLedger(effects: Effect[]): Promise<StandIn> {
  return startStandIn(({ url, body }) => {
    const told: unknown = JSON.parse(body)
    if (url.pathname === "/effects") {
      effects.push(effect.parse(told))
      return { status: 200, body: {} }
    }
    const { opId } = effect.pick({ opId: true }).parse(told)
    return { status: effects.some((seen) => seen.opId === opId) ? 200 : 404, body: {} }
  })
}
