/**
 * Offline grammar: turns everyday sentences into commands, by patterns alone. Nothing is guessed: a sentence that fits no
 * pattern is `unknown`, and a statement is kept only when the person says to keep it.
 */
import { takeRecurrence, takeWhen } from "./time.ts"

/** The fixed replies of the offline responder, which need no tool. */
export type Saying =
  | "greeting"
  | "thanks"
  | "acknowledged"
  | "help"
  | "unknown"
  | "remember_what"
  | "forget_everything"
  | "forget_what"
  | "remind_what"
  | "remind_when"
  | "schedule_what"
  | "cancel_which"

export type OfflineCommand =
  | { kind: "call"; tool: string; args: Record<string, unknown> }
  | { kind: "recall"; query: string }
  | { kind: "forget_about"; topic: string }
  | { kind: "say"; saying: Saying }

/** One way to understand a sentence; undefined leaves the sentence to the next rule. */
type Rule = (text: string, asks: boolean) => OfflineCommand | undefined

const call = (tool: string, args: Record<string, unknown> = {}): OfflineCommand => ({ kind: "call", tool, args })
const say = (saying: Saying): OfflineCommand => ({ kind: "say", saying })

/** The command in a text. Never throws, whatever the text. */
export function parseCommand(text: string): OfflineCommand {
  const plain = withoutManners(text)
  const asks = /\?\s*$/.test(plain)
  const bare = plain.replace(/[\s.!?;,:]+$/, "")
  for (const rule of RULES) {
    const command = rule(bare, asks)
    if (command !== undefined) return command
  }
  return say("unknown")
}

const OPENERS =
  /^(?:(?:hey|hi|hello|yo|ok|okay|so|well|oh)\b(?:\s+(?:there|vigil)\b)?[\s,.!]+|@?vigil\b[\s,:!.]*|please\b[\s,]*|kindly\s+|just\s+|also\b[\s,]*|(?:can|could|would|will)\s+you\s+(?:please\s+)?|i(?:'d| would)\s+like\s+you\s+to\s+|i\s+(?:want|need)\s+you\s+to\s+)(?!there\b)(?=\S)/i
const CLOSERS = /[\s,]+(?:please|thanks|thank you|thx)([\s.!?]*)$/i

/** Polite words that are taken off one sentence at most. */
const MANNERS = 10

/** The sentence with straight quotes and without the greetings and polite words around it. */
function withoutManners(text: string): string {
  let plain = text
    .replace(/[\u2018\u2019\u02bc]/g, "'")
    .replace(/[\u201c\u201d]/g, '"')
    .replace(/\u00a0/g, " ")
    .trim()
    .replace(/^\//, "")
  for (let round = 0, before = ""; before !== plain && round < MANNERS; round++) {
    before = plain
    plain = plain.replace(OPENERS, "").replace(CLOSERS, "$1")
  }
  return plain
}

function smallTalk(text: string): OfflineCommand | undefined {
  if (
    /^(?:hi+|hello|hey|yo|hiya|howdy|ping|test|good (?:morning|afternoon|evening|night|day))(?:\s+(?:there|vigil|again))?$/i.test(
      text,
    )
  )
    return say("greeting")
  if (
    /^(?:are you (?:there|up|awake|alive|online|offline)|how are you(?: doing)?|who are you|what are you|vigil)$/i.test(
      text,
    )
  )
    return say("greeting")
  if (/^(?:thanks?|thank you|thx|ty|cheers)(?:\s+(?:a lot|so much|very much|you|vigil))*$/i.test(text))
    return say("thanks")
  if (/^(?:ok|okay|cool|great|nice|good|perfect|never ?mind|forget it|forget that)$/i.test(text))
    return say("acknowledged")
  if (
    /^(?:|help|help me|commands|examples|what can (?:you|i) (?:do|say)|what do you do|how do(?:es)? (?:you|this|it) work)$/i.test(
      text,
    )
  )
    return say("help")
  return undefined
}

const REMEMBER = [
  /^remember(?:\s+(?:this|the following))?(?:\s*[:,-]\s*|\s+that\s+|\s+)([\s\S]+)$/i,
  /^(?:note|save|fyi|(?:make|take|keep) a note)(?:\s+(?:this|down))?(?:\s*:\s*|\s+(?:that|of)\s+)([\s\S]+)$/i,
  /^note\s+((?:my|our)\s[\s\S]+)$/i,
  /^(?:note|write|jot|take)\s+(?:this\s+)?down(?:\s*:\s*|\s+that\s+|\s+)([\s\S]+)$/i,
  /^(?:don't|dont|do not|never) forget(?:\s*[:,]\s*|\s+that\s+|\s+)([\s\S]+)$/i,
  /^keep in mind(?:\s*[:,]\s*|\s+that\s+|\s+)([\s\S]+)$/i,
]
const PREFERS =
  /\b(?:i|we)\s+(?:(?:really|always|usually|generally|still|just)\s+)*(?:prefer|like|love|hate|dislike|enjoy|don't like|do not like|can't stand)\b|\bfavou?rite\b|\bmy preference\b/i

const remember: Rule = (text, asks) => {
  if (/^(?:remember|note|make a note|take a note|don't forget)$/i.test(text)) return say("remember_what")
  // "Can you remember that …?" tells something to keep; "do you remember my …?" is a question.
  if (asks && !/^remember(?:\s+this)?(?:\s*:|\s+(?:that|to)\s)/i.test(text)) return undefined
  const body = firstGroup(REMEMBER, text)
  if (body === undefined) return undefined
  const task = /^to\s+([\s\S]+)$/i.exec(body)?.[1]
  const timed = task === undefined ? undefined : remindOf(task)
  if (timed?.kind === "call") return timed
  const kept = (task ?? body).trim()
  return call("remember", { text: kept, kind: PREFERS.test(kept) ? "preference" : "fact" })
}

const IDS =
  /^(?:forget|(?:delete|remove|erase)\s+(?:the\s+)?(?:memory|memories|notes?|facts?))\s+(?:(?:the\s+)?(?:memory|memories|notes?|facts?|numbers?)\s+)?(#?\d{1,15}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*|\s+)#?\d{1,15})*)$/i
const ABOUT =
  /^forget(?:\s+(?:everything|all|anything|what)(?:\s+(?:i|you|we)\s+(?:told you|said|know|have|remember))?\s+(?:about|of)|\s+about|\s+that|\s+what)?\s+([\s\S]+)$/i

const forget: Rule = (text) => {
  const ids = IDS.exec(text)?.[1]?.match(/\d+/g)
  if (ids) return call("forget", { ids: ids.map(Number) })
  if (/^forget$/i.test(text)) return say("forget_what")
  if (/^forget\s+(?:everything|all(?: of it)?|it all|me)$/i.test(text)) return say("forget_everything")
  const topic = ABOUT.exec(text)?.[1]?.trim()
  return topic === undefined ? undefined : { kind: "forget_about", topic }
}

const NAME = /^(?:(?:you (?:can|may) )?call me|my name is|my name's|i'm called|i am called)\s+(.{1,60})$/i
const ZONE =
  /^(?:(?:set\s+)?(?:my\s+)?time\s?zone(?:\s+(?:is|to|=))?|my time\s?zone's|(?:i'm|i am) in(?= ?\w+\/))\s*:?\s*([A-Za-z][\w+-]*(?:\/[\w+-]+){0,2})$/i
/** "call me tomorrow" requests a call and is not a name. */
const NO_NAME =
  /\d|^(?:in|at|on|back|later|when|if|tomorrow|today|tonight|now|again|every|a|an|maybe|after|before|next|this)\b/i

const preference: Rule = (text) => {
  const quiet = /^(?:set )?(?:my )?quiet hours(?: are| to|:)? (.+)$/i.exec(text)?.[1]
  if (quiet !== undefined) return call("set_preference", { key: "quiet_hours", value: quiet.replace(/\.$/, "") })
  const zone = ZONE.exec(text)?.[1]
  if (zone !== undefined) return call("set_preference", { key: "timezone", value: zone })
  const name = NAME.exec(text)?.[1]
    ?.replace(/^["']|["']$/g, "")
    .trim()
  if (name === undefined || name === "" || NO_NAME.test(name) || name.split(/\s+/).length > 4) return undefined
  return call("set_preference", { key: "name", value: name })
}

const REPO = "([\\w.-]{1,100}/[\\w.-]{1,100})"
const ISSUES = [
  new RegExp(`^(?:(?:triage|classify)\\s+)?(?:the\\s+)?(?:issue\\s+)?${REPO}\\s*#\\s*(\\d{1,9})$`, "i"),
  new RegExp(`^(?:triage|classify)\\s+(?:the\\s+)?(?:issue\\s+)?${REPO}\\s+(?:issue\\s+)?(\\d{1,9})$`, "i"),
  new RegExp(`^(?:(?:triage|classify)\\s+)?https?://[^\\s/]+/${REPO}/(?:issues|pull)/(\\d{1,9})(?:[#?]\\S*)?$`, "i"),
]
const ISSUE_IN = new RegExp(
  `^(?:triage|classify)\\s+(?:the\\s+)?(?:issue\\s+)?#?(\\d{1,9})\\s+(?:in|of|on|from)\\s+${REPO}$`,
  "i",
)

const triage: Rule = (text) => {
  const found = ISSUES.map((pattern) => pattern.exec(text)).find((match) => match !== null)
  const swapped = ISSUE_IN.exec(text)
  const repo = found?.[1] ?? swapped?.[2]
  const number = found?.[2] ?? swapped?.[1]
  return repo === undefined ? undefined : call("triage_issue", { repo, number: Number(number) })
}

const THING = "(?:automations?|reminders?|schedules?|alarms?|timers?|scheduled (?:tasks?|jobs?))"
const CANCEL = new RegExp(
  `^(?:cancel|delete|remove|stop|disable|turn off|drop)\\s+(?:(?:the|my|that)\\s+)?${THING}(?:\\s+(?:number\\s+|no\\.?\\s+)?#?([\\w-]+))?$`,
  "i",
)

const cancel: Rule = (text) => {
  const match = CANCEL.exec(text)
  const id = match?.[1] ?? /^cancel\s+#?(\d{1,15})$/i.exec(text)?.[1]
  if (id !== undefined && /\d/.test(id))
    return call("cancel_automation", { id: /^\d{1,15}$/.test(id) ? Number(id) : id })
  return match === null ? undefined : say("cancel_which")
}

const LISTS = [
  new RegExp(
    `^(?:(?:list|show|see|view|get|give me|show me|what are|what're)\\s+)?(?:all\\s+)?(?:of\\s+)?(?:(?:my|the|your)\\s+)?(?:(?:active|current|upcoming|open|pending)\\s+)?${THING}$`,
    "i",
  ),
  new RegExp(`^(?:what|which)\\s+${THING}\\s+(?:do i have|are (?:set|there|on|active|running))$`, "i"),
  new RegExp(`^(?:do i have|are there)\\s+(?:any\\s+)?${THING}$`, "i"),
  /^what(?:'s| is) (?:on my schedule|scheduled|coming up|planned)(?: next)?$/i,
]
const list: Rule = (text) => (LISTS.some((pattern) => pattern.test(text)) ? call("list_automations") : undefined)

const NOW = [
  /^(?:tell me |do you know )?(?:what(?:'s| is) )?(?:the )?(?:current )?(?:time|date)(?: (?:now|today|right now))?$/i,
  /^(?:tell me |do you know )?what (?:time|day|date) (?:is it|it is|is today|is it today)(?: now| right now| today)?$/i,
  /^what(?:'s| is) today(?:'s date)?$/i,
  /^(?:now|today's date)$/i,
]
const now: Rule = (text) => (NOW.some((pattern) => pattern.test(text)) ? call("now") : undefined)

const DIGEST =
  /^(?:(?:send|give|show|get|make|run|read)\s+)?(?:me\s+)?(?:(?:the|a|my|daily|latest|today's|yesterday's)\s+)*digest(?:\s+(?:now|right now|me|for|of|from|today|yesterday))*$/i
const digest: Rule = (text) => {
  if (!DIGEST.test(text) && !/^what happened (?:today|yesterday)$/i.test(text)) return undefined
  const day = /\b(today|yesterday)\b/i.exec(text)?.[1]?.toLowerCase()
  return call("send_digest", day === undefined ? {} : { day })
}

const QUESTION =
  /^(?:who|whom|whose|what|when|where|which|why|how|do|does|did|have|has|am|is|are|was|were|should|tell me (?:who|what|when|where|which|how|about))(?:'s|'re|s)?\b/i
const ORDERS =
  /^(?:remind|send|give|show|run|triage|check|tell|text|message|post|schedule|list|digest|summari[sz]e|email|ping|nudge|wake|ask|report|set)\b/i
const STATES = /^(?:i|i'm|we|he|she|it|they|you|my|our|his|her|their|there)\b/i

const schedule: Rule = (text) => {
  const found = QUESTION.test(text) ? undefined : takeRecurrence(text)
  if (found === undefined) return undefined
  const action = tidy(found.rest.replace(/^(?:please\s+)?schedule\b\s*:?/i, ""))
  // "I run every morning" is a statement. Only an order, or a sentence that begins with the repetition, is a request.
  if (STATES.test(action) || !(found.leads || ORDERS.test(found.rest))) return undefined
  if (action === "" || /^(?:remind me|set (?:a )?reminder)$/i.test(action)) return say("schedule_what")
  return call("schedule", { action, when: found.when })
}

const REMIND =
  /^(?:remind me|reminder|nudge me|(?:set|create|add|make|give me)(?: up)? (?:a |an |me a )?(?:reminder|alarm))(?:\s*[:,]\s*|\s+|$)([\s\S]*)$/i
const TIMER = /^(?:set|start)(?: me)? (?:a |an )?(?:timer|alarm) (?:for|of|at) (.{1,60})$/i

const remind: Rule = (text) => {
  const timer = /timer/i.test(text) ? TIMER.exec(text)?.[1] : undefined
  if (timer !== undefined) {
    const duration = takeWhen(`in ${timer}`)
    return duration?.rest === "" ? call("remind", { text: "timer", when: duration.when }) : say("remind_when")
  }
  const body = REMIND.exec(text)?.[1]
  if (body !== undefined) return remindOf(body)
  // "In 20 minutes, remind me to …": the time comes first.
  const [, before = "", after = ""] = /^(.{1,80}?),?\s+remind me(?=\s|$)([\s\S]*)$/i.exec(text) ?? []
  return takeWhen(before)?.rest === "" ? remindOf(`${before} ${after.trim()}`) : undefined
}

function remindOf(body: string): OfflineCommand {
  const repeated = takeRecurrence(body)
  const what = repeated === undefined ? "" : tidy(repeated.rest)
  if (repeated !== undefined && what !== "")
    return call("schedule", { action: `remind me to ${what}`, when: repeated.when })
  const found = takeWhen(body)
  if (found === undefined) return say(tidy(body) === "" ? "remind_what" : "remind_when")
  const text = tidy(found.rest)
  return text === "" ? say("remind_what") : call("remind", { text, when: found.when })
}

const RECALLS = [
  /^what (?:do|did) (?:you|i) (?:know|remember|have|tell you|say)(?: to you)? (?:about|on|of)\s+([\s\S]+)$/i,
  /^(?:recall|look up|find|search(?: (?:my |your )?memor(?:y|ies))?(?: for)?|anything about)\s+(?:what i (?:told you|said) about\s+)?([\s\S]+)$/i,
  /^(?:tell me (?:everything |all |what )?(?:you know )?about|do you (?:know|remember)(?: (?:anything|something) about)?)\s+([\s\S]+)$/i,
]
const recall: Rule = (text, asks) => {
  const query = firstGroup(RECALLS, text) ?? (asks || QUESTION.test(text) ? text : undefined)
  return query === undefined || !/[\p{L}\p{N}]/u.test(query) ? undefined : { kind: "recall", query: query.trim() }
}

const RULES: readonly Rule[] = [
  smallTalk,
  remember,
  forget,
  preference,
  triage,
  cancel,
  list,
  now,
  digest,
  schedule,
  remind,
  recall,
]

function firstGroup(patterns: readonly RegExp[], text: string): string | undefined {
  for (const pattern of patterns) {
    const group = pattern.exec(text)?.[1]?.trim()
    if (group !== undefined && group !== "") return group
  }
  return undefined
}

/** The rest of a sentence whose time was taken out, without the words that connected the two. */
function tidy(text: string): string {
  return text
    .replace(/^(?:[\s,:;-]+|(?:to|that|about|of|for|and|at|on)\b\s*)+/i, "")
    .replace(/(?:[\s,:;-]+|\s(?:at|on|in|by|for|to|and))+$/i, "")
    .trim()
}
