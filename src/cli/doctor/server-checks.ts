/** Server checks: what `doctor` asks the running server: whether it is ready, which model, which channels, who owns it. */
import { Deny, Reject, VigilError } from "../../base/errors.ts"
import { type ChannelReport, type ChannelStatus, channelsAnswer } from "../../contract/installation/channels.ts"
import { type Readiness, readinessAnswer } from "../../contract/installation/health.ts"
import { secretsAnswer } from "../../contract/installation/secrets.ts"
import { type Status, statusAnswer } from "../../contract/installation/status.ts"
import { type Client, createClient } from "../client.ts"
import type { Settings } from "../settings.ts"
import { type Check, check, doubtful, type Fault, wrong } from "./finding.ts"

/** Twilio's refusals of senders that are not registered, or whose use cannot be. */
const UNREGISTERED = /\b(30034|30532|unregistered_sender)\b/
const REGISTRATION =
  "US numbers need a registered business use (A2P 10DLC); without it Twilio refuses with 30034, and with 30532 for personal use. What SMS does not deliver goes on by Telegram, e-mail or the web"

export interface ServerReport {
  isUp: boolean
  /** Names in the vault; null when they could not be asked for. */
  inVault: ReadonlySet<string> | null
  checks: Check[]
}

export async function askServer(client: Client, settings: Settings): Promise<ServerReport> {
  const ready = await client.probe("/readyz")
  const readiness = readinessAnswer.safeParse(ready?.body).data
  if (readiness) return await askFurther(client, settings, readyCheck(client.url, readiness))
  const fault = ready
    ? wrong(`what answers at ${client.url} is not Vigil`, "set PORT to a free port, or VIGIL_URL to Vigil's address")
    : doubtful(
        `no Vigil server answers at ${client.url}`,
        settings.isLocal
          ? "start it in another terminal: npm start"
          : "check VIGIL_URL, and that the server there is up",
      )
  const server = check("server", ready ? "something else" : "not running", [fault])
  return { isUp: false, inVault: null, checks: [server] }
}

async function askFurther(client: Client, settings: Settings, server: Check): Promise<ServerReport> {
  try {
    const status = await client.get("/api/v1/status", statusAnswer)
    const { secrets } = await client.get("/api/v1/secrets", secretsAnswer)
    const channels = await reportsOf(client, status)
    const checks = [server, checkModel(status), ...channels.map(checkChannel), await checkOwner(settings)]
    return { isUp: true, inVault: new Set(secrets.map(({ name }) => name)), checks }
  } catch (error) {
    if (!(error instanceof VigilError)) throw error
    const fault = wrong(error.message, error.fix ?? "look at the server's log")
    const checkId = error instanceof Deny ? "token" : "server.answers"
    return { isUp: true, inVault: null, checks: [server, check(checkId, "the server was not asked further", [fault])] }
  }
}

/** A server of an earlier version says no more of its channels than their state. */
async function reportsOf(client: Client, { channels }: Status): Promise<(ChannelStatus & Partial<ChannelReport>)[]> {
  try {
    return (await client.get("/api/v1/channels", channelsAnswer)).channels
  } catch (error) {
    if (error instanceof Reject && error.status === 404) return channels
    throw error
  }
}

function readyCheck(url: string, { ready, reasons }: Readiness): Check {
  return check("server", `${ready ? "ready" : "not ready"} at ${url}`, reasons.map(reasonFault))
}

function reasonFault(reason: string): Fault {
  const isSchema = reason.includes("schema")
  return wrong(
    reason,
    isSchema
      ? "run: npx vigil migrate, and restart the server"
      : "look at the server's log; it heals by itself when the cause does",
  )
}

function checkModel({ model }: Status): Check {
  const because = `(${model.because})`
  if (model.offline)
    return check("model", `offline mode ${because}; set OPENAI_API_KEY or run a local model to understand free text`)
  return check("model", `${model.model} at ${model.provider} ${because}`)
}

function checkChannel({ id, state, detail, findings = [] }: ChannelStatus & Partial<ChannelReport>): Check {
  const checkId = `channel.${id}`
  if (id === "sms" && UNREGISTERED.test(detail)) {
    const fix =
      "register the sender in the Twilio console for a business use, or use Telegram or a number of another country"
    return check(checkId, state, [wrong(`${detail}. ${REGISTRATION}`, fix)])
  }
  if (state === "failing")
    return check(checkId, state, [wrong(detail || `${id} does not answer`, `check the settings of ${id}`)])
  const hint = id === "sms" && state === "ready" ? `. ${REGISTRATION}` : ""
  const faults = findings.map(({ severity, message, fix }) => (severity === "error" ? wrong : doubtful)(message, fix))
  return check(checkId, `${state}${detail ? `, ${detail}` : ""}${hint}`, faults)
}

/** A stranger is told when nobody owns an installation that others can reach; so ask as one. */
async function checkOwner(settings: Settings): Promise<Check> {
  const answer = await createClient({ ...settings, token: undefined }).probe("/api/v1/status")
  if (answer?.status === 200) {
    return check("owner", "anyone", [
      wrong("the API answers without a token", "stop the server: this must never be; then report it"),
    ])
  }
  if (answer?.status !== 403) return check("owner", "the API answers its owner only")
  const fault = wrong(
    "others can reach this installation, and nobody owns it yet",
    "open the link that this makes: npx vigil link",
  )
  return check("owner", "nobody yet", [fault])
}
