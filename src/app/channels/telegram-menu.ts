/**
 * Telegram menu: the commands that Telegram offers while a person types, made from the list that answers them. Every chat gets
 * the commands that everyone may use; only the owner's own chats get the owner's commands too. A menu is sent once, and again
 * only when it has changed.
 */
import type { ChatCommand } from "../../agent/commands/commands.ts"
import { canonical, sha256 } from "../../base/canonical.ts"
import { Reject } from "../../base/errors.ts"
import type { MenuEntry, Telegram } from "../../channels/telegram/telegram.ts"
import { knownPeople } from "../../thread/people/directory.ts"
import type { Infrastructure } from "../infrastructure.ts"

const NAMESPACE = "telegram-menu"
/** Not in the list of commands, because it is answered from that list. */
const HELP = { name: "help", help: "what I can do" }
/** Bot API, `BotCommand`. */
const NAME = /^[a-z0-9_]{1,32}$/
const MAX_DESCRIPTION = 256
const MAX_ENTRIES = 100

interface MenuDeps extends Pick<Infrastructure, "db" | "kv" | "log"> {
  telegram: Telegram
  commands: ChatCommand[]
}

export async function setTelegramMenu(deps: MenuDeps, signal: AbortSignal): Promise<void> {
  const { db, log } = deps
  const all = entries([HELP, ...deps.commands])
  await setMenu(deps, entries([HELP, ...deps.commands.filter((command) => !command.ownerOnly)]), signal)
  const owner = (await knownPeople(db)).find(({ role }) => role === "owner")
  for (const { channel, address } of owner?.addresses ?? []) {
    if (channel !== "telegram") continue
    await setMenu(deps, all, signal, address).catch((error: unknown) => {
      // An owner who never wrote to the bot has no chat with it yet.
      if (!(error instanceof Reject)) throw error
      log.info("telegram_menu_refused", { chat: address, error })
    })
  }
}

async function setMenu({ telegram, db, kv }: MenuDeps, menu: MenuEntry[], signal: AbortSignal, chat?: string) {
  const key = `${telegram.botId}:${chat ?? "everyone"}`
  const wanted = sha256(canonical(menu))
  if ((await kv.get(NAMESPACE, key))?.value === wanted) return
  await telegram.setCommands(menu, signal, chat)
  await kv.set(db, NAMESPACE, key, wanted)
}

function entries(commands: Pick<ChatCommand, "name" | "help">[]): MenuEntry[] {
  return commands
    .filter(({ name }) => NAME.test(name))
    .slice(0, MAX_ENTRIES)
    .map(({ name, help }) => ({ command: name, description: help.slice(0, MAX_DESCRIPTION) }))
}
