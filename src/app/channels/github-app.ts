/** GitHub App set-up, wired: a state is valid for one hour and one use, and the app's credentials go into the vault. */
import { randomBytes } from "node:crypto"
import { sha256 } from "../../base/canonical.ts"
import { createGitHubApps, type GitHubApps } from "../../channels/github/app.ts"
import type { Infrastructure } from "../infrastructure.ts"

const NAMESPACE = "github-app"
const HOUR_MS = 3600_000

export function openGitHubApps({ db, kv, vault, clock, config }: Infrastructure): GitHubApps {
  return createGitHubApps({
    states: {
      async add(state) {
        await kv.set(db, NAMESPACE, sha256(state), true, { expiresAt: new Date(clock.now().getTime() + HOUR_MS) })
      },
      take: (state) => kv.delete(db, NAMESPACE, sha256(state)),
    },
    store: (name, value) => vault.set(name, value),
    random: (bytes) => randomBytes(bytes),
    publicUrl: config.PUBLIC_URL,
    apiUrl: config.GITHUB_API_URL,
  })
}
