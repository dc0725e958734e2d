/** Harbour: where the processes of a scene keep their data: each a directory, and one Postgres for all or its own PGlite. */
import { join } from "node:path"
import type { Db } from "../../../src/db/db.ts"
import { openPglite } from "../../../src/db/embedded/pglite.ts"
import { testDatabase } from "../../support/database.ts"
import { testDir } from "../../support/dir.ts"
import type { Evidence, Setting } from "../proof.ts"
import { openScene, type Scene } from "./scene.ts"

export interface Harbour {
  /** On Postgres the address of the database; else empty. */
  url: string
  /** Settings of a process with this name. */
  envFor(who: string): Record<string, string>
  /** To look at it after the last process. */
  open(): Promise<Db>
}

/** A scene with its harbour for as long as `act` takes. */
export async function inHarbour(
  setting: Setting,
  act: (scene: Scene, harbour: Harbour) => Promise<Evidence>,
): Promise<Evidence> {
  const scene = await openScene(setting)
  try {
    return await act(scene, await openHarbour(scene, setting.database))
  } finally {
    await scene.close()
  }
}

export async function openHarbour(scene: Scene, kind: Setting["database"]): Promise<Harbour> {
  const { dir, remove } = testDir()
  scene.later(remove)
  if (kind === "pglite") {
    return {
      url: "",
      envFor: (who) => ({ ...scene.envFor(who), DATA_DIR: dir }),
      async open() {
        const db = await openPglite({ dir: join(dir, "db") })
        scene.later(() => db.close())
        return db
      },
    }
  }
  const { db, url, drop } = await testDatabase("postgres")
  scene.later(drop)
  return {
    url,
    envFor: (who) => ({ ...scene.envFor(who), DATA_DIR: join(dir, who), DATABASE_URL: url }),
    open: async () => db,
  }
}
