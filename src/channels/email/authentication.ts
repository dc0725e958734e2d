/**
 * Authentication: whether our own mail receiver vouches for the sender's domain. Anyone can write any `From` and any
 * `Authentication-Results`, so only the topmost such header counts, and only under our receiver's name (RFC 8601 §1.6, §5).
 */

/** A header as it came, names in lower case. */
export interface Header {
  key: string
  value: string
}

const RESULTS = "authentication-results"

/**
 * Whether the receiver `authservId` says that DMARC passed for `domain`, the one in `From`.
 * @param headers in the order of the message, topmost first
 */
export function isAuthenticated(headers: readonly Header[], authservId: string | undefined, domain: string): boolean {
  const first = headers.find((header) => header.key === RESULTS)
  if (first === undefined || authservId === undefined) return false
  const [server = "", ...results] = bare(first.value).split(";")
  if (server.trim().split(/\s+/)[0]?.toLowerCase() !== authservId.toLowerCase()) return false
  const dmarc = results
    .map((result) => result.trim().toLowerCase())
    .filter((result) => /^dmarc(?![a-z0-9-])/.test(result))
  const [only = ""] = dmarc
  // More than one verdict is no verdict.
  return dmarc.length === 1 && /^dmarc(?:\s*\/\s*1)?\s*=\s*pass(?=\s|$)/.test(only) && fromOf(only) === domain
}

function fromOf(result: string): string | undefined {
  const named = [...result.matchAll(/(?<=\s)header\.from\s*=\s*([^\s;]+)/g)].map((match) => match[1])
  return named.length === 1 ? named[0]?.replace(/\.$/, "") : undefined
}

/** Without comments and quoted text, which may hold anything, a false result too (RFC 5322 §3.2). */
function bare(value: string): string {
  let out = ""
  let place: Place = { depth: 0, isQuoted: false }
  for (const [token] of value.matchAll(/\\.?|[()"]|[^\\()"]+/gs)) {
    if (place.depth === 0 && !place.isQuoted && !/^[\\()"]/.test(token)) out += token
    place = placeAfter(place, token)
  }
  return place.depth === 0 && !place.isQuoted ? out : ""
}

/** In how many comments, or in a quoted text; a quotation mark in a comment is only a sign. */
interface Place {
  depth: number
  isQuoted: boolean
}

function placeAfter({ depth, isQuoted }: Place, token: string): Place {
  if (isQuoted) return { depth, isQuoted: token !== '"' }
  if (token === "(") return { depth: depth + 1, isQuoted }
  if (token === ")") return { depth: Math.max(0, depth - 1), isQuoted }
  return { depth, isQuoted: token === '"' && depth === 0 }
}
