/** Prove: runs the proofs behind the promises. They come with the source, not with the image. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Option } from "commander"
import { Misconfigured } from "../../base/errors.ts"
import { type AddCommands, whole } from "../session.ts"

const RUN = fileURLToPath(new URL("../../../test/prove/run.ts", import.meta.url))

export const addProveCommand: AddCommands = (program, act) => {
  program
    .command("prove")
    .description("kill it, race it, pull the plug: run the proofs and write test/prove/PROMISES.md")
    .option("--short", "the three-minute form, which only prints")
    .option("--only <names>", "these proofs, separated by commas")
    .addOption(new Option("--database <kind>", "both when not given").choices(["pglite", "postgres"]))
    .option("--keep", "write the report again, with what earlier runs saw of the other proofs")
    .option("--seed <number>", "repeat the random choices of an earlier run", whole(0, 2 ** 32 - 1))
    .action(
      act(async (session, command) => {
        if (!existsSync(RUN))
          throw new Misconfigured("the proofs are not part of this installation", {
            fix: "clone the repository, then: npm run prove",
          })
        const given = Object.entries(command.opts<Record<string, string | number | true>>())
        const flags = given.flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]))
        const child = spawn(process.execPath, [RUN, ...flags], { stdio: "inherit", env: session.env })
        await once(child, "exit")
        return child.exitCode ?? 1
      }),
    )
}
