/**
 * Prism: holds requests, and answers to them, against a provider's own API description. It is installed apart from the
 * product, so that tests which need it say why they are left out. What no description names is told, which Prism passes over.
 */
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import type { Answer, ReceivedRequest } from "./stand-in.ts"

/** One operation of a description, as far as judges look into it. */
export interface Operation {
  request?: {
    query?: { name: string }[]
    body?: { contents?: { schema?: { properties?: Record<string, unknown> } }[] }
  }
}

/** What is wrong at one place of a request or an answer. */
export interface Finding {
  message: string
  path?: (string | number)[]
}

/** A request or answer held against its operation; `refused` where there is no such operation. */
export type Verdict =
  | { refused: string }
  | { refused?: never; input: Finding[]; output: Finding[]; operation: Operation; strangers: string[] }

export interface Prism {
  /** @param body of the request, as its description knows it; undefined when there is none. */
  judge(asked: ReceivedRequest, body: unknown, answer?: Answer): Promise<Verdict>
}

type Result =
  | { _tag: "Left"; left: { detail?: string; message?: string } }
  | { _tag: "Right"; right: { validations: { input: Finding[]; output: Finding[] } } }
/** The part of the package in use; its types are not there to be checked. */
interface Package {
  getHttpOperationsFromSpec(description: object): Promise<Operation[]>
  createInstance(
    config: object,
    components: object,
  ): { request(input: object, operations: Operation[]): () => Promise<Result> }
}

const INSTALL = join(import.meta.dirname, "..", "oracles")

/** Why tests that need it are left out; undefined when it is installed. */
export const noPrism = existsSync(join(INSTALL, "node_modules", "@stoplight", "prism-http"))
  ? undefined
  : "Prism is not installed: npm ci --prefix test/oracles --ignore-scripts"

/** A module that is installed beside Prism. */
export function loadBesidePrism(name: string): unknown {
  return createRequire(join(INSTALL, "package.json"))(name)
}

/** @param descriptions OpenAPI documents; preparing a whole provider's takes longer than a test. */
export async function openPrism(descriptions: readonly object[]): Promise<Prism> {
  const prism = loadBesidePrism("@stoplight/prism-http") as Package
  const operations = (await Promise.all(descriptions.map((one) => prism.getHttpOperationsFromSpec(one)))).flat()
  return {
    async judge(asked, body, answer) {
      let operation: Operation = {}
      const output = {
        statusCode: answer?.status ?? 200,
        headers: { "content-type": "application/json" },
        body: answer?.body,
      }
      const mock = ({ resource }: { resource: Operation }) => {
        operation = resource
        return () => ({ _tag: "Right", right: output })
      }
      const config = { mock: {}, validateRequest: true, validateResponse: answer !== undefined, checkSecurity: true }
      const instance = prism.createInstance({ ...config, errors: false, isProxy: false }, { logger: silent, mock })
      const query = Object.fromEntries(asked.url.searchParams)
      const url = { path: asked.url.pathname, query }
      const input = { method: asked.method.toLowerCase(), url, headers: asked.headers }
      const result = await instance.request(body === undefined ? input : { ...input, body }, operations)()
      if (result._tag === "Left")
        return { refused: result.left.detail ?? result.left.message ?? "it could not be judged" }
      const named = new Set(operation.request?.query?.map(({ name }) => name))
      const strangers = Object.keys(query).filter((name) => !named.has(name))
      return { ...result.right.validations, operation, strangers }
    },
  }
}

const nothing = () => {}
const silent = {
  info: nothing,
  debug: nothing,
  warn: nothing,
  error: nothing,
  trace: nothing,
  success: nothing,
  child: () => silent,
}
