/**
 * Open: makes the channels that the settings name. A channel without its credentials does not exist, so nothing can call it
 * by mistake.
 */
import { type Clock, systemClock } from "../base/clock.ts"
import type { Config } from "../config/config.ts"
import type { Channel, ChannelId } from "./channel.ts"
import { createEmail, type Email } from "./email/email.ts"
import { createGitHub, type GitHubAccount } from "./github/client.ts"
import { createGitHubWebhook, type GitHubWebhook } from "./github/webhook.ts"
import { createSms, type Sms } from "./sms/sms.ts"
import { createTelegram, type Telegram } from "./telegram/telegram.ts"

export interface Channels {
  telegram?: Telegram
  sms?: Sms
  email?: Email
  /** GitHub's API; absent without credentials. */
  api?: GitHubAccount
  /** GitHub's webhook; null without its secret. */
  github: GitHubWebhook | null
  /** The channels that send messages to people. */
  senders: ReadonlyMap<ChannelId, Channel>
  /** The channels on which people can be reached now; always the web, because its messages stay in our own table. */
  live: ReadonlySet<ChannelId>
}

export function openChannels(config: Config, clock: Clock = systemClock): Channels {
  const telegram = telegramOf(config, clock)
  const sms = smsOf(config, clock)
  const email = emailOf(config, clock)
  const senders = new Map<ChannelId, Channel>(
    [telegram, sms, email].filter((c) => c !== undefined).map((c) => [c.id, c]),
  )
  const api = githubOf(config, clock)
  const secret = config.GITHUB_WEBHOOK_SECRET
  return {
    ...(telegram ? { telegram } : {}),
    ...(sms ? { sms } : {}),
    ...(email ? { email } : {}),
    ...(api ? { api } : {}),
    github: createGitHubWebhook({ repos: config.GITHUB_REPOS, ...(secret ? { webhookSecret: secret } : {}) }),
    senders,
    live: new Set<ChannelId>(["web", ...senders.keys()]),
  }
}

function telegramOf(config: Config, clock: Clock): Telegram | undefined {
  const { TELEGRAM_BOT_TOKEN: token, TELEGRAM_WEBHOOK_SECRET: webhookSecret, TELEGRAM_API_ROOT: apiRoot } = config
  const publicUrl = config.PUBLIC_URL
  return token ? createTelegram(given({ token, webhookSecret, apiRoot, publicUrl }), clock) : undefined
}

function smsOf(config: Config, clock: Clock): Sms | undefined {
  const {
    TWILIO_ACCOUNT_SID: accountSid,
    TWILIO_AUTH_TOKEN: authToken,
    TWILIO_AUTH_TOKEN_PREVIOUS: previousAuthToken,
    TWILIO_NUMBER: number,
    TWILIO_WHATSAPP_NUMBER: whatsappNumber,
    TWILIO_MESSAGING_SERVICE_SID: messagingServiceSid,
    TWILIO_API_BASE: apiBase,
    PUBLIC_URL: publicUrl,
  } = config
  if (!accountSid || !authToken) return undefined
  const senders = { number, whatsappNumber, messagingServiceSid }
  return createSms(given({ accountSid, authToken, previousAuthToken, ...senders, apiBase, publicUrl }), clock)
}

function emailOf(config: Config, clock: Clock): Email | undefined {
  const { SMTP_URL: smtpUrl, EMAIL_FROM: from, EMAIL_WEBHOOK_SECRET: webhookSecret } = config
  if (!smtpUrl || !from) return undefined
  return createEmail(given({ smtpUrl, from, webhookSecret, authservId: config.EMAIL_AUTHSERV_ID }), clock)
}

function githubOf(config: Config, clock: Clock): GitHubAccount | undefined {
  const {
    GITHUB_TOKEN: token,
    GITHUB_APP_ID: appId,
    GITHUB_APP_PRIVATE_KEY: appPrivateKey,
    GITHUB_API_URL: apiUrl,
  } = config
  if (!token && !appId) return undefined
  return createGitHub(given({ token, appId, appPrivateKey, apiUrl, repos: config.GITHUB_REPOS }), { clock })
}

type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** Leaves out settings that are undefined: exact optional types take an absent property, but not an undefined one. */
function given<T extends object>(settings: T): Given<T> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Given<T>
}
