/** People over the API: a code lets somebody in who texts it, a link lets the owner's browser in. */
import { linkAnswer, type OwnerLink, pairingAnswer, pairingInput } from "../../contract/installation/people.ts"
import type { Pairing } from "../../thread/inbox/pairing.ts"
import type { Sessions } from "../../thread/people/sessions.ts"
import type { Endpoints } from "./endpoint.ts"

export interface PairingAccess {
  /** A code that makes whoever texts it known. */
  pair(name: string): Promise<Pairing>
}

export interface LinkDeps {
  sessions: Pick<Sessions, "mint">
  /** Address of `/start?k=...` as the owner can open it. */
  linkTo: (key: string) => OwnerLink
}

export function addPeopleRoutes(endpoints: Endpoints, { pair, sessions, linkTo }: PairingAccess & LinkDeps): void {
  endpoints.add({
    method: "POST",
    path: "/api/v1/link",
    summary: "A one-time link that lets a browser in",
    input: {},
    answers: { 201: linkAnswer },
    handle: async () => ({ status: 201, body: linkTo(await sessions.mint()) }),
  })
  endpoints.add({
    method: "POST",
    path: "/api/v1/pairings",
    summary:
      "A code that makes whoever texts it known: `name` is `me`, somebody known, or somebody new; works once, for 10 minutes",
    input: { body: pairingInput },
    answers: { 201: pairingAnswer },
    handle: async ({ body }) => ({ status: 201, body: await pair(body.name) }),
  })
}
