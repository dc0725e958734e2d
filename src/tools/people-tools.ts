/**
 * People tools: remove a member or an address from those who may talk to the agent. Only the owner's command has the
 * grant for it, so that no words in a conversation can remove anyone.
 */
import { z } from "zod"
import type { Automations } from "../schedule/automations/automations.ts"
import { forgetAddress, forgetMember } from "../thread/people/directory.ts"
import { failed, type TransactionalTool } from "./tool.ts"

export const UNPAIR = "unpair"

const whom = z.strictObject({
  /** The name of the person, for the approval. */
  name: z.string(),
  /** Set to remove a whole member: the member's id. */
  member: z.uuid().optional(),
  /** Set to remove one address. */
  address: z.strictObject({ channel: z.enum(["telegram", "sms"]), address: z.string() }).optional(),
})

export function createUnpair(
  automations: Pick<Automations, "list" | "cancel">,
): TransactionalTool<z.infer<typeof whom>> {
  return {
    name: UNPAIR,
    description: "Makes a member, or one address, unknown: whoever writes from there gets no answer any more.",
    input: whom,
    effect: "write",
    needs: "owner",
    internal: true,
    ownerOnly: true,
    replay: "transactional",
    asks: async () => "they get no answer any more",
    show: ({ name, address }) =>
      address
        ? `Remove ${address.channel} ${address.address} (${name})`
        : `Remove ${name}, with all addresses and automations`,
    async run({ member, address }, _ctx, tx) {
      if (address)
        return (await forgetAddress(tx, address)) ? { ok: true } : failed("not_found", "the address is not known")
      if (!member || !(await forgetMember(tx, member))) return failed("not_found", "there is no such member")
      const theirs = await automations.list(member, tx)
      for (const { id } of theirs) await automations.cancel(tx, id, member)
      return { ok: true, cancelled: theirs.length }
    },
  }
}
