#!/usr/bin/env node
/**
 * Preflight: `node src/preflight.js TARGET [ARGS]` runs TARGET under Node 26 with its packages installed and patched. Plain
 * JavaScript, like what it imports of ours, so any Node can start it. It never reinstalls what already fits the lockfile and
 * `src/db/patches`, and it never swallows a signal or an exit code.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { constants } from "node:os"
import { dirname, join, resolve, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { isPatched } from "./patched.js"

const NEEDED = 26
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, "node_modules")
const current = Number.parseInt(process.versions.node, 10)
const [name = "src/main.ts", ...args] = process.argv.slice(2)
const target = resolve(root, name)
/** A tool out of node_modules needs the devDependencies, and so does an older Node: Node 26 is one of them. */
const needsDev = current < NEEDED || target.startsWith(modules + sep)

function packagesIn(lockfile) {
  try {
    return JSON.parse(readFileSync(lockfile, "utf8")).packages ?? {}
  } catch {
    return {}
  }
}

/** Whether what npm installed last (its hidden lockfile) covers what package-lock.json asks for, with our patches on it. */
function isInstalled() {
  if (!isPatched(root)) return false
  const have = packagesIn(join(modules, ".package-lock.json"))
  const missing = ([path, entry]) => {
    const mayBeAbsent = path === "" || entry.optional || entry.devOptional || (entry.dev && !needsDev)
    return !mayBeAbsent && have[path]?.version !== entry.version
  }
  return !Object.entries(packagesIn(join(root, "package-lock.json"))).some(missing)
}

function install() {
  process.stderr.write("Installing dependencies (npm ci), once ...\n")
  const flags = ["ci", "--no-audit", "--no-fund", "--loglevel=error", ...(needsDev ? ["--include=dev"] : [])]
  // npm's own stdout goes to stderr, because stdout belongs to the program.
  const { status, error } = spawnSync("npm", flags, { cwd: root, stdio: ["ignore", 2, 2] })
  if (status === 0) return
  fail(`npm ci failed${error ? ` (${error.message})` : ""}. See above, then try again with: npm ci`)
}

/** Of the libraries that Node 26 needs, the ones a small system may lack, and their packages on Debian. */
const PACKAGES = { "libatomic.so.1": "libatomic1", "libstdc++.so.6": "libstdc++6" }

/** The Node 26 to run: the one npm installed here, else this one; fails with what is missing when neither will do. */
function findNode() {
  const own = join(modules, "node", "bin", "node")
  const tried = existsSync(own) ? spawnSync(own, ["--version"], { encoding: "utf8" }) : undefined
  if (tried?.stdout?.startsWith(`v${NEEDED}.`)) return own
  if (current >= NEEDED) return process.execPath
  // As glibc says it, or musl.
  const library = /shared librar(?:ies: |y )([^\s:]+)/.exec(tried?.stderr ?? "")?.[1]
  if (!library)
    fail(`Vigil needs Node ${NEEDED}, this is ${process.version}. Get it from nodejs.org, or run: npm rebuild node`)
  const how = library in PACKAGES ? `apt-get install ${PACKAGES[library]}` : "install the package that has it"
  fail(`Vigil needs ${library}, which is not installed here: ${how}, then start again.`)
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

function runIn(node) {
  const child = spawn(node, [...process.execArgv, target, ...args], { stdio: "inherit" })
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) {
    // A terminal sends Ctrl-C to the child as well; a second copy would mean "stop at once".
    const sentByTerminal = signal === "SIGINT" && process.stdin.isTTY
    process.on(signal, () => sentByTerminal || child.kill(signal))
  }
  child.on("error", (error) => fail(`${node} did not start: ${error.message}`))
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

const wasInstalled = isInstalled()
if (!wasInstalled) install()
if (wasInstalled && current >= NEEDED) {
  process.argv.splice(1, process.argv.length, target, ...args)
  await import(pathToFileURL(target).href)
} else runIn(findNode())
