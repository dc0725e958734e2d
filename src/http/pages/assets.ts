/**
 * Assets: the console's one script and one style sheet, under names that change with their content. htmx and its stream
 * extension are one file with ours: loaded apart, the extension may miss the page's first elements.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type { FastifyInstance } from "fastify"

export interface Assets {
  script: string
  style: string
  icon: string
}

const YEAR = "public, max-age=31536000, immutable"
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#1f6f5c"/><circle cx="8" cy="8" r="3" fill="#fff"/></svg>`

/** Mounts the files and says where they are. */
export function mountAssets(app: FastifyInstance): Assets {
  const require = createRequire(import.meta.url)
  const files = [
    require.resolve("htmx.org/dist/htmx.min.js"),
    require.resolve("htmx.org/dist/ext/hx-sse.min.js"),
    new URL("console.js", import.meta.url),
  ]
  const script = files.map(read).join("\n;\n")
  const serve = (name: string, ending: string, type: string, body: string): string => {
    const path = `/assets/${name}-${createHash("sha256").update(body).digest("hex").slice(0, 16)}.${ending}`
    app.get(path, async (_request, reply) => reply.type(type).header("cache-control", YEAR).send(body))
    return path
  }
  return {
    script: serve("console", "js", "text/javascript; charset=utf-8", script),
    style: serve("console", "css", "text/css; charset=utf-8", read(new URL("console.css", import.meta.url))),
    icon: serve("icon", "svg", "image/svg+xml", ICON),
  }
}

function read(file: string | URL): string {
  return readFileSync(file, "utf8").replace(/\n?\/\/# sourceMappingURL=.*$/m, "")
}
