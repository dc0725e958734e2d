/** What a failed delivery means, in our terms: a mail server's reply code decides; without a reply, how far we had come. */
import { z } from "zod"
import { Misconfigured, messageOf, Reject, Retry, Uncertain, VigilError } from "../../base/errors.ts"

/** How far a delivery has come. */
export interface Progress {
  host: string
  /** The server has asked for the message and gets it: it may be accepted without our hearing of it. */
  handedOver: boolean
}

const refusal = z.object({
  responseCode: z.number(),
  response: z.string().default(""),
  command: z.string().default(""),
})
type Refusal = z.infer<typeof refusal>

/** RFC 5321 §4.2.1: 4yz is "not now", 5yz is "never". */
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
  const said = `${host} said: ${response.slice(0, 500)}`
  // 503 is "not at this point of the talk": about the connection, not about the message.
  if (responseCode < 500 || responseCode === 503) return new Retry(said, { code: "mail_server_busy", cause })
  if (command.startsWith("AUTH")) {
    const fix = "Set SMTP_URL to smtps://user:password@host, with signs such as @ in the password written as %40."
    return new Misconfigured(`${host} does not accept our login`, { fix, cause })
  }
  return new Reject(responseCode, said, { ...reasonOf(command), cause })
}

function reasonOf(command: string): { code: string; fix: string } {
  if (command === "RCPT TO") return { code: "bad_address", fix: "Check the address: the mail server does not know it." }
  if (command === "MAIL FROM")
    return { code: "bad_sender", fix: "Set EMAIL_FROM to an address that this mail server may send for." }
  return { code: "mail_refused", fix: "Read the mail server's words: often the sender's domain lacks SPF or DKIM." }
}
