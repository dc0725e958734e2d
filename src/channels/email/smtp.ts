/**
 * SMTP: hands one mail to our mail server, over nodemailer's connection. Until the server takes the body, surely nothing was
 * sent; from then on only the server's answer says whether the mail was sent. The package is loaded with the first call.
 */
import { Readable } from "node:stream"
import type SMTPConnection from "nodemailer/lib/smtp-connection"
import { isLoopback } from "../../config/config.ts"
import { type Progress, smtpFailure } from "./failures.ts"

export interface Envelope {
  from: string
  to: string
}

const CONNECT_MS = 8_000
/** Milliseconds without a byte from the server. Shorter than the time that the outbox gives a message. */
const SILENCE_MS = 12_000

/** Delivers `message`, a whole mail (RFC 5322). Throws `Retry`, `Reject`, `Uncertain` or `Misconfigured`. */
export async function deliver(url: string, envelope: Envelope, message: Buffer, signal: AbortSignal): Promise<void> {
  await session(url, signal, async (connection, progress) => {
    const body = new Readable({
      read() {
        progress.handedOver = true
        this.push(message)
        this.push(null)
      },
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    connection.send(envelope, body, (error) => (error ? reject(error) : resolve()))
    await promise
  })
}

/** Connects, logs in and sends nothing. Throws like `deliver`, but never `Uncertain`. */
export async function greet(url: string, signal: AbortSignal): Promise<void> {
  await session(url, signal, async () => {})
}

async function session(
  url: string,
  signal: AbortSignal,
  work: (connection: SMTPConnection, progress: Progress) => Promise<void>,
): Promise<void> {
  const { default: Connection } = await import("nodemailer/lib/smtp-connection")
  const { login, ...options } = optionsOf(url)
  const progress: Progress = { host: options.host, handedOver: false }
  const connection = new Connection(options)
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => {})
  connection.on("error", broken.reject)
  connection.on("end", () => broken.reject(new Error("the connection was closed")))
  const abort = () => broken.reject(signal.reason)
  signal.addEventListener("abort", abort)
  if (signal.aborted) abort()
  try {
    const steps = async () => {
      await called((done) => connection.connect(done))
      if (login) await called((done) => connection.login({ credentials: login }, done))
      await work(connection, progress)
    }
    await (signal.aborted ? broken.promise : Promise.race([broken.promise, steps()]))
  } catch (error) {
    throw smtpFailure(error, progress)
  } finally {
    signal.removeEventListener("abort", abort)
    connection.close()
  }
}

async function called(start: (done: (error?: Error | null) => void) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  start((error) => (error ? reject(error) : resolve()))
  await promise
}

/** `smtps` uses TLS from the first byte. `smtp` must change to TLS before the login, unless the server is on this machine. */
function optionsOf(url: string) {
  const { protocol, hostname, port, username, password } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, "")
  const secure = protocol === "smtps:"
  return {
    host,
    port: port === "" ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: !secure && !isLoopback(host),
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    login: username === "" ? null : { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
  }
}
