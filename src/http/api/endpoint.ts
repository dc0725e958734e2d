/**
 * Endpoint: one route of the API with its schemas. The same schemas check what comes in and make the OpenAPI document,
 * so the document cannot say anything else than what is checked.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import { z } from "zod"

type Parts = { params?: z.ZodObject; query?: z.ZodObject; body?: z.ZodType }

interface Endpoint<Input extends Parts> {
  method: "GET" | "POST" | "PUT" | "DELETE"
  /** As Fastify writes it: `/api/v1/runs/:id`. */
  path: string
  summary: string
  input: Input
  /** Schema of the body by status; null when there is none. */
  answers: Record<number, z.ZodType | null>
  handle(input: Parsed<Input>, request: FastifyRequest, reply: FastifyReply): Promise<unknown>
}

type Parsed<Input extends Parts> = { [K in keyof Input]: Input[K] extends z.ZodType ? z.output<Input[K]> : never }

export interface Endpoints {
  add<Input extends Parts>(endpoint: Endpoint<Input>): void
  /** OpenAPI 3.1, of all that was added before it was first asked for. */
  document(): object
}

const errorBody = z.object({
  error: z.object({ code: z.string(), message: z.string(), fix: z.string().optional() }),
})

export function createEndpoints(app: FastifyInstance, version: string): Endpoints {
  /** Described when somebody asks: it takes a tenth of a second, which no start should wait for. */
  const described: { url: string; method: string; describe(): object }[] = []
  let document: object | undefined

  function describeAll(): object {
    const paths: Record<string, Record<string, object>> = {}
    for (const { url, method, describe } of described) paths[url] = { ...paths[url], [method]: describe() }
    return {
      openapi: "3.1.0",
      info: { title: "Vigil", version },
      security: [{ bearer: [] }],
      components: {
        securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
        schemas: { Error: z.toJSONSchema(errorBody) },
      },
      paths,
    }
  }

  return {
    add(endpoint) {
      const { method, path, input } = endpoint
      const schema = z.object(input)
      app.route({
        method,
        url: path,
        handler: async (request, reply) => {
          const { params, query, body } = request
          // Parsed by the very schemas that the type is made of.
          const parsed = schema.parse({ params, query, body }) as Parsed<typeof input>
          return await endpoint.handle(parsed, request, reply)
        },
      })
      const url = path.replaceAll(/:(\w+)/g, "{$1}")
      described.push({ url, method: method.toLowerCase(), describe: () => operation(endpoint) })
    },
    document() {
      document ??= describeAll()
      return document
    },
  }
}

function operation<Input extends Parts>({ summary, input, answers }: Endpoint<Input>): object {
  const json = (schema: z.ZodType, io: "input" | "output") => ({
    content: { "application/json": { schema: z.toJSONSchema(schema, { io }) } },
  })
  const responses = Object.entries(answers).map(([status, schema]) => [
    status,
    { description: summary, ...(schema ? json(schema, "output") : {}) },
  ])
  const failed = {
    description: "refused",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  }
  return {
    summary,
    parameters: [...fields(input.params, "path"), ...fields(input.query, "query")],
    ...(input.body ? { requestBody: { required: true, ...json(input.body, "input") } } : {}),
    responses: { ...Object.fromEntries(responses), default: failed },
  }
}

function fields(object: z.ZodObject | undefined, where: "path" | "query"): object[] {
  return Object.entries(object?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: where,
    required: where === "path" || !z.safeParse(schema, undefined).success,
    schema: z.toJSONSchema(z.object({ [name]: schema }), { io: "input" }).properties?.[name] ?? {},
  }))
}
