/**
 * Rules: guess the kind of an issue from its form and its words alone, for a repository without decisions. Each rule is one
 * piece of evidence with a weight. The strongest rule becomes the reason that people read.
 */
import { ISSUE_KINDS } from "../../contract/work/triage.ts"
import { best, type IssueText, type Kind, type Shares, sharesOf } from "./kind.ts"
import { softmax } from "./regression.ts"
import { MAX_ISSUE_BODY, readIssueText } from "./words.ts"

interface Rule {
  kind: Kind
  weight: number
  /** Completes "it …". */
  because: string
  title?: RegExp
  /** Searched in the prose that the person wrote, without headings and code. */
  prose?: RegExp
  /** Searched in the whole body, code too. */
  raw?: RegExp
  heading?: RegExp
}

const RULES: Rule[] = [
  { kind: "bug", weight: 2.5, because: "is titled as a bug", title: /^\W*bug\b/i },
  {
    kind: "bug",
    weight: 2.2,
    because: "shows a stack trace",
    raw: /Traceback \(most recent call last\)|^\s+at .+[:(]\d+|\bSegmentation fault\b|^\s*File ".+", line \d+|\b[A-Z]\w*(?:Error|Exception): /m,
  },
  {
    kind: "bug",
    weight: 1.8,
    because: "says that something fails",
    title:
      /\b(?:crash\w*|broken|breaks?|fail(?:s|ed|ure|ing)?|regression|errors?|exception|panic|hangs?|freezes?|stuck|leaks?|wrong|incorrect(?:ly)?|corrupt\w*|flicker\w*|throws?|duplicated?|lost|missing|disappear\w*)\b/i,
  },
  {
    kind: "bug",
    weight: 1.8,
    because: "says that something does not work",
    title: /\b(?:(?:does|do|did|is|are|was|will)(?:n['’]t| not)|can(?:['’]t|not)|no longer|stopped|never)\b/i,
  },
  {
    kind: "bug",
    weight: 1.6,
    because: "has the headings of a bug report",
    heading:
      /\b(?:steps to reproduce|repro(?:duction)?(?: steps)?|(?:expected|actual|current) (?:behaviou?r|result|output)|how often does this bug|error (?:message|call stack))\b/i,
  },
  {
    kind: "bug",
    weight: 1.2,
    because: "tells how to reproduce it",
    prose:
      /\b(?:steps to reproduce|expected behaviou?r|actual behaviou?r|to reproduce|reproducible|since (?:the )?(?:last )?(?:upgrad|updat|version|release)\w*|after (?:upgrad|updat)ing|used to work|instead of)\b/i,
  },
  {
    kind: "bug",
    weight: 0.8,
    because: "speaks of errors",
    prose: /\b(?:crash\w*|stack ?trace|exception|error message|blank page|white screen|500 error|times? out)\b/i,
  },
  {
    kind: "feature",
    weight: 2.5,
    because: "is titled as a request",
    title: /^\W*(?:feature(?: request)?|enhancement|proposal|rfc|idea|suggestion|wish)\b/i,
  },
  {
    kind: "feature",
    weight: 2,
    because: "asks for something new",
    title:
      /^\W*(?:(?:please )?(?:add|allow|support|provide|implement|introduce|enable|expose|make|let|offer|extend|improve)\b|option (?:to|for)\b|ability to\b|(?:would|it['’]d) be (?:nice|great)\b)|\bsupport for\b|\b(?:feature request|should (?:be able|support|allow|have))\b/i,
  },
  {
    kind: "feature",
    weight: 1.6,
    because: "has the headings of a feature request",
    heading:
      /\b(?:feature (?:request|description)|is your feature|describe the (?:solution|feature)|proposed? (?:solution|change|api)|motivation|use ?case|alternatives?|who will benefit)\b/i,
  },
  {
    kind: "feature",
    weight: 1.4,
    because: "wishes for something",
    prose:
      /\b(?:would be (?:nice|great|useful|helpful|good|cool)|it['’]d be (?:nice|great)|feature request|please (?:add|consider|support)|(?:i|we)(?:['’]d| would) (?:like|love) (?:to (?:see|have|be able)|an?|if)|i propose|i suggest|could (?:you|we) (?:add|have)|wish (?:there|i could)|so that (?:users|people|we) can)\b/i,
  },
  { kind: "question", weight: 2.2, because: "asks in its title", title: /\?\s*$/ },
  {
    kind: "question",
    weight: 2,
    because: "begins with a question word",
    title:
      /^\W*(?:question\b|how (?:to|do|does|can|should|would|is|are)|what(?:['’]s| is| are| does| happens)|why\b|where\b|which\b|when\b|who\b|can (?:i|we|you|someone|anyone)|could (?:i|you|someone)|is (?:it|there|this)|are (?:there|you)|does\b|do (?:i|you|we)|should (?:i|we)|any (?:way|idea|plans?)|help\b|need help)/i,
  },
  {
    kind: "question",
    weight: 1.2,
    because: "asks for help",
    prose:
      /\b(?:how (?:do|can|should|would) (?:i|we)|is (?:it|there) (?:possible|a way|any way)|what(?:['’]s| is) the (?:best|right|correct|recommended) way|can (?:any|some)(?:one|body)|does (?:any|some)(?:one|body)|any (?:help|idea|advice|suggestion)s?|i (?:am|was|['’]m) (?:wondering|confused|trying to understand)|not sure (?:if|whether|how|what)|please help|what am i (?:doing wrong|missing)|am i missing)\b/i,
  },
  {
    kind: "docs",
    weight: 3,
    because: "is about the documentation",
    title:
      /\b(?:docs?|documentation|readme|typos?|changelog|contributing\.md|tutorial|broken links?|docstrings?|spelling|jsdoc|wiki)\b/i,
  },
  {
    kind: "docs",
    weight: 1.7,
    because: "mentions the documentation as what is wrong",
    prose:
      /\b(?:typo|misspell\w*|the (?:docs?|documentation|readme|guide|tutorial) (?:page )?(?:says?|states?|should|does|do|is|are|still|mentions?|shows?|needs?|lacks?)|(?:missing|not|un|never) ?(?:documented|in the docs)|outdated (?:docs?|documentation|example))\b/i,
  },
]

export interface Guess {
  shares: Shares
  /** Completes the sentence "it …"; null when no rule matched. */
  because: string | null
}

/** The sums before any rule matches: an issue is a little more often a bug than anything else. */
const PRIOR: Shares = { bug: 0.3, feature: 0.1, question: 0.1, docs: -0.6 }

export function guess(issue: IssueText): Guess {
  const body = issue.body.slice(0, MAX_ISSUE_BODY)
  const { prose, headings } = readIssueText(body)
  const heading = headings.join("\n")
  const matching = RULES.filter(
    (rule) =>
      rule.title?.test(issue.title) || rule.prose?.test(prose) || rule.raw?.test(body) || rule.heading?.test(heading),
  )
  const sums: Shares = { ...PRIOR }
  for (const { kind, weight } of matching) sums[kind] += weight
  const shares = sharesOf(softmax(ISSUE_KINDS.map((kind) => sums[kind])))
  const { kind } = best(shares)
  const strongest = matching.filter((rule) => rule.kind === kind).sort((a, b) => b.weight - a.weight)[0]
  return { shares, because: strongest?.because ?? null }
}
