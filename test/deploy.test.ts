/** What the deploy files promise, held against each other and against the sources. No image is built here. */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { parse as parseYaml } from "yaml"
import { z } from "zod"
import { NODE_FLAGS } from "../src/node-flags.ts"
import { breaches, commandsOf, readFly } from "./support/fly.ts"

const root = join(import.meta.dirname, "..")
const read = (path: string) => readFileSync(join(root, path), "utf8")
/** How long a stopping process may take to finish its step, in seconds. */
const STOP_SECONDS = 50

/** Why `node FILE ARGS` cannot work in the image; undefined when it can. */
function brokenCommand(command: string): string | undefined {
  const [node, file = "", role] = command.split(" ").filter((word) => !word.startsWith("-"))
  if (node !== "node" || !existsSync(join(root, file))) return `${command}: no such file`
  const isRole = role !== undefined && ["web", "worker", "all"].includes(role)
  return file === "src/main.ts" && !isRole ? `${command}: no such role` : undefined
}

describe.each(["fly.toml", "deploy/fly.single.toml"])("%s", (path) => {
  const fly = readFly(read(path))

  test("keeps the platform's rules", () => {
    expect(breaches(fly, STOP_SECONDS)).toEqual([])
  })

  test("runs commands that exist", () => {
    expect(commandsOf(fly).map(brokenCommand).filter(Boolean)).toEqual([])
  })

  test("builds a stage of the Dockerfile that listens on the same port", () => {
    const dockerfile = readFileSync(join(root, path, "..", fly.build.dockerfile), "utf8")
    expect(dockerfile).toContain(`EXPOSE ${fly.env.PORT}\n`)
    const target = fly.build["build-target"]
    if (target) expect(dockerfile).toMatch(new RegExp(`^FROM \\S+ AS ${target}$`, "m"))
  })

  test("holds no secret", () => {
    expect(Object.keys(fly.env).filter((name) => /KEY|TOKEN|SECRET|PASSWORD|DATABASE_URL/.test(name))).toEqual([])
  })
})

describe("the check of fly.toml finds", () => {
  test.each([
    [
      "a service of a process that is not there",
      'processes = ["web"]',
      'processes = ["www"]',
      "no process is named www",
    ],
    ["a port nobody listens on", "internal_port = 8080", "internal_port = 8081", "port 8081 is not PORT"],
    ["a machine bound to loopback", '"0.0.0.0"', '"127.0.0.1"', "HOST must be 0.0.0.0"],
    ["a check that is too frequent", 'interval = "15s"', 'interval = "1s"', "is outside Fly's limits"],
    ["a worker that stays down", '"always"', '"on-failure"', "worker stays down after exit 0"],
    [
      "a kill before the drain is over",
      'kill_timeout = "60s"',
      'kill_timeout = "30s"',
      "kill_timeout 30s is not over 50s",
    ],
    ["a signal that means stop at once", '"SIGTERM"', '"SIGINT"', "kill_signal must be SIGTERM"],
  ])("%s", (_name, good, bad, sentence) => {
    const planted = read("fly.toml").replace(good, bad)
    expect(breaches(readFly(planted), STOP_SECONDS).join("\n")).toContain(sentence)
  })

  test("a strategy that volumes do not allow", () => {
    const planted = read("deploy/fly.single.toml").replace('"rolling"', '"bluegreen"')
    expect(breaches(readFly(planted), STOP_SECONDS)).toEqual(["bluegreen does not work with volumes"])
  })

  test("a key the platform does not know, and a duration it cannot read", () => {
    expect(() => readFly(`${read("fly.toml")}\n[http]\nport = 1\n`)).toThrow("http")
    expect(() => readFly(read("fly.toml").replace('"60s"', '"1 minute"'))).toThrow("kill_timeout")
  })

  test("a command without its file", () => {
    expect(brokenCommand("node src/nowhere.ts")).toBe("node src/nowhere.ts: no such file")
    expect(brokenCommand("node src/main.ts wroker")).toBeDefined()
  })
})

describe("Dockerfile", () => {
  const lines = read("Dockerfile").split("\n")

  test("copies what exists, and what .dockerignore lets through", () => {
    const copied = lines
      .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
      .flatMap((line) => line.split(" ").slice(1, -1))
    expect(copied).toEqual(expect.arrayContaining(["src", "drizzle", "package-lock.json"]))
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([])
    const allowed = read(".dockerignore").split("\n")
    expect(copied.filter((path) => !allowed.includes(`!${path.split("/")[0]}`))).toEqual([])
  })

  test("has the patches before it installs, and makes the pristine database from what it starts", () => {
    const step = (start: string) => lines.findIndex((line) => line.startsWith(start))
    const installs = lines.findIndex((line) => line.includes("npm ci --omit"))
    for (const needed of ["COPY src/node.sh src/postinstall.js", "COPY src/db/patches"]) {
      expect(step(needed)).toBeGreaterThan(0)
      expect(step(needed)).toBeLessThan(installs)
    }
    expect(lines.slice(installs, step("FROM node:26-slim AS app"))).toEqual(
      expect.arrayContaining(["COPY drizzle ./drizzle", "COPY src ./src", "RUN node src/app/make-pristine.ts"]),
    )
  })

  test("has the Node the project needs, in every stage", () => {
    const images = lines.filter((line) => line.startsWith("FROM ")).map((line) => line.split(" ")[1])
    expect(images.every((image) => image === "node:26-slim" || image === "app")).toBe(true)
  })

  test("runs unprivileged by default, and drops to the same account where it must begin as root", () => {
    expect(lines.filter((line) => line.startsWith("USER "))).toEqual(["USER node", "USER root"])
    expect(lines.findLast((line) => line.startsWith("FROM "))).toBe("FROM app")
    const asRoot = lines.slice(lines.indexOf("USER root"))
    expect(asRoot.find((line) => line.startsWith("ENTRYPOINT"))).toContain("exec setpriv --reuid=node --regid=node")
  })

  test("starts a file that exists", () => {
    const command = lines.find((line) => line.startsWith("CMD ")) ?? ""
    expect(
      brokenCommand(
        z
          .array(z.string())
          .parse(JSON.parse(command.slice(4)))
          .join(" "),
      ),
    ).toBeUndefined()
  })
})

describe("the flags of Node", () => {
  const options = /NODE_OPTIONS=(\S+)/.exec(read("Dockerfile"))?.[1] ?? ""

  test.each([
    [
      "npm start",
      z.object({ scripts: z.object({ start: z.string() }) }).parse(JSON.parse(read("package.json"))).scripts.start,
    ],
    [
      "the image",
      `${options} ${read("Dockerfile")
        .split("\n")
        .find((line) => line.startsWith("CMD "))
        ?.replaceAll('"', " ")}`,
    ],
    ["one machine on Fly", `${options} ${commandsOf(readFly(read("deploy/fly.single.toml"))).join(" ")}`],
  ])("are the same for %s", (_who, command) => {
    expect(NODE_FLAGS.filter((flag) => !command.split(/[ ,]+/).includes(flag))).toEqual([])
  })

  test("keep the database's WebAssembly as it was first compiled", () => {
    const args = [...NODE_FLAGS, "--print-flag-values", "-e", "0"]
    const { stdout } = spawnSync(process.execPath, args, { encoding: "utf8" })
    expect(stdout.split("\n")).toEqual(expect.arrayContaining(["--no-wasm-tier-up", "--no-wasm-dynamic-tiering"]))
  })
})

describe("deploy/compose.yaml", () => {
  const service = z.looseObject({
    command: z.array(z.string()).optional(),
    environment: z.record(z.string(), z.string()),
    depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
    healthcheck: z.object({ test: z.array(z.string()) }).or(z.object({ disable: z.literal(true) })),
    ports: z.array(z.string()).default([]),
  })
  const compose = z.object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  const { services } = compose.parse(parseYaml(read("deploy/compose.yaml"), { merge: true }))

  test("starts Postgres, then migrates, then runs web and worker", () => {
    expect(services.migrate?.depends_on).toEqual({ db: { condition: "service_healthy" } })
    const migrated = { migrate: { condition: "service_completed_successfully" } }
    expect([services.web?.depends_on, services.worker?.depends_on]).toEqual([migrated, migrated])
  })

  test("runs commands that exist", () => {
    const commands = Object.values(services).flatMap(({ command }) => (command ? [command.join(" ")] : []))
    expect(commands).toHaveLength(3)
    expect(commands.map(brokenCommand).filter(Boolean)).toEqual([])
  })

  test("publishes one port, on loopback, and checks the port the process listens on", () => {
    expect(Object.values(services).flatMap(({ ports }) => ports)).toEqual(["127.0.0.1:8080:8080"])
    for (const role of [services.web, services.worker]) {
      expect(role?.environment).toMatchObject({ HOST: "0.0.0.0", PORT: "8080" })
      expect(role?.healthcheck).toMatchObject({
        test: expect.arrayContaining([expect.stringContaining(":8080/readyz")]),
      })
    }
  })

  test("refuses to start without its secrets, and holds none", () => {
    for (const name of ["MASTER_KEY", "PUBLIC_URL"]) expect(services.web?.environment[name]).toMatch(/^\$\{\w+:\?/)
    expect(services.web?.environment.DATABASE_URL).toMatch(
      /^postgres:\/\/vigil:\$\{POSTGRES_PASSWORD:\?[^}]*\}@db:5432\/vigil$/,
    )
    expect(services.db?.environment.POSTGRES_PASSWORD).toMatch(/^\$\{POSTGRES_PASSWORD:\?/)
  })
})
