/** The owner's commands over who may talk: pair, people, unpair. */
import { VigilError } from "../../base/errors.ts"
import type { Tx } from "../../db/db.ts"
import type { Pairings } from "../../thread/inbox/pairing.ts"
import { type KnownPerson, knownPeople } from "../../thread/people/directory.ts"
import { UNPAIR } from "../../tools/people-tools.ts"
import type { ChatCommand } from "./commands.ts"

export interface PeopleCommandDeps {
  db: Tx
  pairings: Pick<Pairings, "make">
}

export function peopleCommands({ db, pairings }: PeopleCommandDeps): ChatCommand[] {
  return [
    {
      name: "pair",
      usage: "[name, or me]",
      help: "a code that lets someone new talk to me, or someone known from another address",
      ownerOnly: true,
      hidesAnswer: true,
      run: (_job, words) => pair(pairings, words),
    },
    {
      name: "people",
      help: "who may talk to me, and from where",
      ownerOnly: true,
      run: async () => (await knownPeople(db)).map(lineOf).join("\n"),
    },
    {
      name: "unpair",
      usage: "<name or number>",
      help: "take away an address, or a member with all of theirs",
      ownerOnly: true,
      async run(context, words) {
        const found = targetOf(await knownPeople(db), words)
        if (typeof found === "string") return found
        const result = await context.actWith([{ tool: UNPAIR }])(UNPAIR, found)
        return result.ok ? `Removed: ${found.address?.address ?? found.name}.` : `Not removed: ${result.message}.`
      },
    },
  ]
}

async function pair(pairings: Pick<Pairings, "make">, words: string): Promise<string> {
  try {
    const { code, person } = await pairings.make(words)
    return `${code}\nWhoever texts me exactly this on Telegram or SMS within 10 minutes is ${person}. It works once.`
  } catch (error) {
    if (error instanceof VigilError) return `No code: ${error.message}. ${error.fix ?? ""}`.trim()
    throw error
  }
}

function lineOf({ name, role, addresses }: KnownPerson): string {
  const places = addresses.map((a) => `${a.channel} ${a.address}${a.optedOut ? " (opted out)" : ""}`)
  const who = role === "owner" ? `${name ?? "You"} (owner)` : `${name ?? "No name"} (member)`
  return `${who}: ${places.length > 0 ? places.join(", ") : "web only"}`
}

interface Target {
  name: string
  member?: string
  address?: { channel: "telegram" | "sms"; address: string }
}

/** What `words` name, or why nothing can be removed. */
function targetOf(people: KnownPerson[], words: string): Target | string {
  if (words === "") return "Say whom: /unpair <name or number> (see /people)"
  const places = people.flatMap((person) => person.addresses.map((place) => ({ person, place })))
  const [hit, another] = places.filter(({ place }) => place.address === words)
  if (hit && another) return `${words} is known on two channels. Remove the member by name.`
  if (hit && (hit.place.channel === "sms" || hit.place.channel === "telegram"))
    return { name: nameOf(hit.person), address: { channel: hit.place.channel, address: hit.place.address } }
  const named = people.filter((person) => person.name?.toLowerCase() === words.toLowerCase())
  const [member, other] = named
  if (!member) return `I know nobody called ${words}, and no such number. See /people`
  if (other) return `Several people are called ${words}. Say the number: /unpair <number>`
  if (member.role === "owner") return "You stay. An address of yours goes with /unpair <number>"
  return { name: nameOf(member), member: member.id }
}

const nameOf = ({ name, role }: KnownPerson): string => name ?? (role === "owner" ? "you" : "no name")
