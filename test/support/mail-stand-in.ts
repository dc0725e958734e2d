/**
 * A mail server on loopback that keeps what it accepts, and the other side of the webhook: raw messages, signed. Its trouble
 * is that of SMTP: a reply to one command, a connection that breaks there, or an answer that does not come.
 */
import { createHmac } from "node:crypto"
import type { Socket } from "node:net"
import { SMTPServer } from "smtp-server"

export interface KeptMail {
  from: string
  to: string[]
  raw: string
}

/** Instead of going on at a command: a reply, or a break of the connection; `BODY` is after all of it came. */
export type MailTrouble = { at: "MAIL" | "RCPT" | "BODY"; reply: number } | { at: "MAIL" | "BODY"; drop: true }

export interface MailStandIn {
  /** For SMTP_URL. */
  url: string
  /** Accepted, in order. */
  mails: KeptMail[]
  /** Whole bodies that came, accepted or not. */
  bodies(): number
  /** For the next delivery. */
  trouble(trouble: MailTrouble): void
  /** Keeps the next answer to a body back until the promise settles. */
  hold(until: Promise<void>): void
  stop(): Promise<void>
}

export const LOGIN = { user: "vigil@example.com", pass: "p@ss-word-0123" }

export async function start(): Promise<MailStandIn> {
  const mails: KeptMail[] = []
  let next: MailTrouble | undefined
  let held: Promise<void> | undefined
  let bodies = 0

  /** The sockets of the open connections, or of the one from a port. */
  function breakOff(remotePort?: number): void {
    for (const { _socket: socket } of server.connections as unknown as Set<{ _socket: Socket }>)
      if (remotePort === undefined || socket.remotePort === remotePort) socket.destroy()
  }

  /** What the trouble says for this point of the talk: an error to reply with, or the connection broken. */
  function troubleAt(at: MailTrouble["at"], remotePort: number): Error | null {
    if (next?.at !== at) return null
    const trouble = next
    next = undefined
    if ("drop" in trouble) breakOff(remotePort)
    const reply = "reply" in trouble ? trouble.reply : 421
    return Object.assign(new Error(`trouble at ${at}`), { responseCode: reply })
  }

  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    logger: false,
    onAuth: ({ username, password }, _session, done) =>
      username === LOGIN.user && password === LOGIN.pass
        ? done(null, { user: username })
        : done(Object.assign(new Error("no such login"), { responseCode: 535 })),
    onMailFrom: (_address, session, done) => done(troubleAt("MAIL", session.remotePort)),
    onRcptTo: (_address, session, done) => done(troubleAt("RCPT", session.remotePort)),
    onData(stream, { envelope, remotePort }, done) {
      const chunks: Buffer[] = []
      stream.on("data", (chunk: Buffer) => void chunks.push(chunk))
      stream.on("end", () => {
        bodies++
        const waiting = held ?? Promise.resolve()
        held = undefined
        void waiting.then(() => {
          const error = troubleAt("BODY", remotePort)
          if (error) return done(error)
          const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address
          mails.push({ from, to: envelope.rcptTo.map(({ address }) => address), raw: Buffer.concat(chunks).toString() })
          return done(null)
        })
      })
    },
  })
  // A connection that breaks is what some tests are about.
  server.on("error", () => {})
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.server.address()
  if (address === null || typeof address === "string") throw new Error("the stand-in has no port")
  const login = `${encodeURIComponent(LOGIN.user)}:${encodeURIComponent(LOGIN.pass)}`
  return {
    url: `smtp://${login}@127.0.0.1:${address.port}`,
    mails,
    bodies: () => bodies,
    trouble: (trouble) => {
      next = trouble
    },
    hold: (until) => {
      held = until
    },
    stop: async () => {
      await new Promise<void>((resolve) => {
        server.close(resolve)
        breakOff()
      })
    },
  }
}

/** The header that proves who posts `body`, worked out apart from the code under test. */
export function signed(secret: string, body: string | Uint8Array, at: Date): Record<string, string> {
  const time = Math.floor(at.getTime() / 1000)
  const v1 = createHmac("sha256", secret).update(`${time}.`).update(body).digest("hex")
  return { "x-vigil-signature": `t=${time},v1=${v1}` }
}

export const AUTHSERV = "mx.example.com"

/** A raw message from a sender whom the receiver AUTHSERV vouches for, unless `headers` says otherwise (null leaves one out). */
export function mime(headers: Record<string, string | null>, body: string): string {
  const from = headers.From ?? "Ana <ana@example.com>"
  const domain = /@([^>\s]+)/.exec(from)?.[1] ?? ""
  const all: Record<string, string | null> = {
    "Authentication-Results": `${AUTHSERV}; spf=pass smtp.mailfrom=${domain}; dmarc=pass (p=NONE) header.from=${domain}`,
    From: from,
    To: "vigil@example.com",
    "Message-ID": "<first@mail.example.com>",
    Date: "Sun, 22 Nov 2026 10:00:00 +0000",
    "Content-Type": "text/plain; charset=utf-8",
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  return `${lines.join("\r\n")}\r\n\r\n${body.replaceAll("\n", "\r\n")}`
}
