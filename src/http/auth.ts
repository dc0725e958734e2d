/**
 * Auth: who is asking. A program shows the token; a browser shows the cookie it got for a one-time link, and only its
 * own pages may change anything with it. Before anyone owns a public installation, nobody is let in without the token.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import type { FastifyReply, FastifyRequest } from "fastify"
import { Deny, Reject } from "../base/errors.ts"
import { isLoopback } from "../config/config.ts"
import { OWNER_ID } from "../thread/people/people.ts"
import type { BrowserSession, Sessions } from "../thread/people/sessions.ts"

interface Who {
  personId: string
  via: "bearer" | "session"
}

export interface Auth {
  who(request: FastifyRequest): Promise<Who | null>
  /** Lets the owner pass; throws `Reject` 401, and `Deny` for what another site's page sent or an unowned installation. */
  admit(request: FastifyRequest): Promise<Who>
  /** Throws `Deny` when a browser says that another site's page sent this. */
  needSameOrigin(request: FastifyRequest): void
  giveCookie(reply: FastifyReply, session: BrowserSession): void
  takeCookie(request: FastifyRequest, reply: FastifyReply): Promise<void>
}

export interface AuthDeps {
  sessions: Sessions
  token: string
  host: string
  publicUrl: string | undefined
}

const SAFE = new Set(["GET", "HEAD", "OPTIONS"])

export function createAuth({ sessions, token, host, publicUrl }: AuthDeps): Auth {
  const isSecure = publicUrl?.startsWith("https://") ?? false
  const cookieName = isSecure ? "__Host-vigil" : "vigil"
  const cookieTraits = `Path=/; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`
  const isPublic = !isLoopback(host) || publicUrl !== undefined
  let owned = !isPublic

  async function who(request: FastifyRequest): Promise<Who | null> {
    const header = request.headers.authorization
    if (header !== undefined) return isToken(header, token) ? { personId: OWNER_ID, via: "bearer" } : null
    const value = cookie(request, cookieName)
    const session = value === undefined ? null : await sessions.find(value)
    return session && { personId: session.personId, via: "session" }
  }

  function needSameOrigin(request: FastifyRequest): void {
    const site = request.headers["sec-fetch-site"]
    const { origin } = request.headers
    const isOurs =
      site === undefined ? origin !== undefined && isOwnOrigin(origin, request, publicUrl) : site === "same-origin"
    if (!isOurs)
      throw new Deny("this was sent by a page of another site", {
        code: "cross_site",
        fix: "Use Vigil's own pages, or the token.",
      })
  }

  return {
    who,
    needSameOrigin,
    async admit(request) {
      const asking = await who(request)
      if (asking?.via === "bearer") return asking
      owned ||= await sessions.isOwned()
      if (!owned) {
        throw new Deny("nobody owns this installation yet", {
          code: "unowned",
          fix: "Open the one-time link from Vigil's log, or make a new one with: vigil link",
        })
      }
      if (!asking)
        throw new Reject(401, "this is for the owner", {
          code: "unauthorized",
          fix: "Send Authorization: Bearer with the token, or open a link made with: vigil link",
        })
      if (!SAFE.has(request.method)) needSameOrigin(request)
      return asking
    },
    giveCookie(reply, session) {
      reply.header(
        "set-cookie",
        `${cookieName}=${session.token}; ${cookieTraits}; Expires=${session.expiresAt.toUTCString()}`,
      )
    },
    async takeCookie(request, reply) {
      const value = cookie(request, cookieName)
      if (value !== undefined) await sessions.end(value)
      reply.header("set-cookie", `${cookieName}=; ${cookieTraits}; Max-Age=0`)
    },
  }
}

/** In constant time over digests, so that neither content nor length leaks. */
function isToken(header: string, token: string): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(header)?.[1]
  return token !== "" && given !== undefined && timingSafeEqual(digest(given), digest(token))
}

const digest = (text: string) => createHash("sha256").update(text).digest()

function cookie(request: FastifyRequest, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? "").split(";")) {
    const [key, value] = pair.trim().split("=", 2)
    if (key === name) return value
  }
  return undefined
}

function isOwnOrigin(origin: string, request: FastifyRequest, publicUrl: string | undefined): boolean {
  if (!URL.canParse(origin)) return false
  const { host, origin: asked } = new URL(origin)
  return host === request.headers.host || (publicUrl !== undefined && asked === new URL(publicUrl).origin)
}
