/**
 * Mail authentication: tells whether our own mail receiver vouches for the sender's domain. Only the topmost
 * `Authentication-Results` header counts, and only under our receiver's name, because anyone can write any `From` and any
 * such header into a mail (RFC 8601 §1.6, §5).
 */

/** A header as it arrived; `key` is its name in lower case. */
export interface Header {
  key: string
  value: string
}

const RESULTS = "authentication-results"

/**
 * Whether the receiver `authservId` says that DMARC passed for `domain`, which must be the domain of `From`.
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
  const [result = ""] = dmarc
  // Two results contradict each other or are forged, so neither counts.
  return dmarc.length === 1 && /^dmarc(?:\s*\/\s*1)?\s*=\s*pass(?=\s|$)/.test(result) && fromOf(result) === domain
}

function fromOf(result: string): string | undefined {
  const named = [...result.matchAll(/(?<=\s)header\.from\s*=\s*([^\s;]+)/g)].map((match) => match[1])
  return named.length === 1 ? named[0]?.replace(/\.$/, "") : undefined
}

/** The value without comments and quoted text, which may hold anything, also a forged result (RFC 5322 §3.2). */
function bare(value: string): string {
  let out = ""
  let place: Place = { depth: 0, isQuoted: false }
  for (const [token] of value.matchAll(/\\.?|[()"]|[^\\()"]+/gs)) {
    if (place.depth === 0 && !place.isQuoted && !/^[\\()"]/.test(token)) out += token
    place = placeAfter(place, token)
  }
  return place.depth === 0 && !place.isQuoted ? out : ""
}

/** A place in a header: how many comments are around it, and whether it is quoted. Inside a comment nothing is quoted. */
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
