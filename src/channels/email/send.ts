/**
 * Mail sender: sends one mail per message. The Message-ID is made from the outbox row, so that a mail program shows one mail
 * although it was sent twice after a lost answer. The mail says that a program wrote it, so that no other program answers it
 * (RFC 3834).
 */
import { Reject } from "../../base/errors.ts"
import type { Outgoing, Receipt } from "../channel.ts"
import { sendParts } from "../parts.ts"
import { domainOf, readMailTarget, type Target } from "./address.ts"
import { type RenderedMail, renderEmail } from "./render.ts"
import { deliver } from "./smtp.ts"

export interface MailSender {
  smtpUrl: string
  /** Our address, in lower case. */
  address: string
  /** The name that people see beside the address. */
  name: string
}

/** Sends one message. See `Channel.send` for its errors. */
export async function sendEmail(sender: MailSender, message: Outgoing, now: Date): Promise<Receipt> {
  const target = readMailTarget(message.target)
  if (target === null)
    throw new Reject(400, `"${message.target}" is not a mail address`, {
      code: "bad_address",
      fix: "Check the address.",
    })
  const rendered = renderEmail(message.text)
  const parts = rendered.text === "" ? [] : [rendered]
  return await sendParts(message, parts, async (mail) => {
    const messageId = `<${message.id}@${domainOf(sender.address)}>`
    const raw = await compose(sender, target, mail, { messageId, date: now })
    await deliver(sender.smtpUrl, { from: sender.address, to: target.address }, raw, message.signal)
    return messageId
  })
}

async function compose(
  sender: MailSender,
  { address, subject, references }: Target,
  { text, html, title }: RenderedMail,
  stamp: { messageId: string; date: Date },
): Promise<Buffer> {
  const { default: MailComposer } = await import("nodemailer/lib/mail-composer")
  const answered = references.at(-1)
  const thread = answered === undefined ? {} : { inReplyTo: answered, references }
  const mail = new MailComposer({
    ...stamp,
    ...thread,
    from: { name: sender.name, address: sender.address },
    to: { name: "", address },
    subject: subject === undefined ? title : asReply(subject),
    text,
    html,
    headers: { "Auto-Submitted": answered === undefined ? "auto-generated" : "auto-replied" },
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return await mail.compile().build()
}

const asReply = (subject: string): string => (/^re:/i.test(subject) ? subject : `Re: ${subject}`)
