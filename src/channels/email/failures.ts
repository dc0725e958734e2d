/**
 * Mail failures: turns a failed delivery into one of our errors. The reply code of the mail server decides; without a reply,
 * it decides whether the message was handed over, because only then it may have arrived.
 */
import { z } from "zod"
import { Misconfigured, messageOf, Reject, Retry, Uncertain, VigilError } from "../../base/errors.ts"

/** How far a delivery has come. */
export interface Progress {
  host: string
  /** The server takes the message. From now on it may accept it although its answer is lost. */
  handedOver: boolean
}

const refusal = z.object({
  responseCode: z.number(),
  response: z.string().default(""),
  command: z.string().default(""),
})
type Refusal = z.infer<typeof refusal>

/**
 * The error of a failed delivery. `Retry` for a reply of 4yz ("not now", RFC 5321 §4.2.1) or a lost connection before the
 * hand-over, `Reject` for 5yz ("never"), `Misconfigured` for a refused login, `Uncertain` for a lost answer after it.
 */
export function smtpFailure(error: unknown, { host, handedOver }: Progress): VigilError {
  if (error instanceof VigilError) return error
  const refused = refusal.safeParse(error)
  if (refused.success && refused.data.responseCode >= 400) return refusalError(refused.data, host, error)
  if (handedOver) {
    const message = `${host} did not say whether it took the message: ${messageOf(error)}`
    return new Uncertain(message, { code: "answer_lost", cause: error })
  }
  return new Retry(`could not deliver to ${host}: ${messageOf(error)}`, { code: "unreachable", cause: error })
}

function refusalError({ responseCode, response, command }: Refusal, host: string, cause: unknown): VigilError {
  const message = `${host} said: ${response.slice(0, 500)}`
  // 503 means "bad sequence of commands": it refuses the connection's state, not the message.
  if (responseCode < 500 || responseCode === 503) return new Retry(message, { code: "mail_server_busy", cause })
  if (command.startsWith("AUTH")) {
    const fix =
      "Set SMTP_URL to smtps://user:password@host, with special characters of the password encoded, such as @ as %40."
    return new Misconfigured(`${host} does not accept our login`, { fix, cause })
  }
  return new Reject(responseCode, message, { ...reasonOf(command), cause })
}

function reasonOf(command: string): { code: string; fix: string } {
  if (command === "RCPT TO") return { code: "bad_address", fix: "Check the address: the mail server does not know it." }
  if (command === "MAIL FROM")
    return { code: "bad_sender", fix: "Set EMAIL_FROM to an address that this mail server may send for." }
  return { code: "mail_refused", fix: "Read the mail server's words: often the sender's domain lacks SPF or DKIM." }
}
