/**
 * Endpoint: one route of the API with the contract's schemas. The same schemas check what comes in, type what goes out and make the
 * OpenAPI document, so the document cannot say anything else than what is checked.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import { z } from "zod"
import type { Served } from "../../contract/instant.ts"
import { problemSchema } from "../../contract/problem.ts"

type Parts = { params?: z.ZodObject; query?: z.ZodObject; body?: z.ZodType }
/** Schema of the body by status; null where there is none. */
type Answers = Record<number, z.ZodType | null>

interface Route<Input extends Parts> {
  method: "GET" | "POST" | "PUT" | "DELETE"
  /** As Fastify writes it: `/api/v1/runs/:id`. */
  path: string
  summary: string
  input: Input
}

interface Endpoint<Input extends Parts, Declared extends Answers> extends Route<Input> {
  answers: Declared
  handle(input: Parsed<Input>, request: FastifyRequest, reply: FastifyReply): Promise<AnswerOf<Declared>>
}

/** A route that is answered with server-sent events, for as long as both sides stay. */
interface EventRoute<Input extends Parts> extends Route<Input> {
  method: "GET"
  /** Schema of the data by the event's name. */
  events: Record<string, z.ZodType>
  /** Takes the answer over. */
  follow(input: Parsed<Input>, request: FastifyRequest, reply: FastifyReply): Promise<void>
}

type Parsed<Input extends Parts> = { [K in keyof Input]: Input[K] extends z.ZodType ? z.output<Input[K]> : never }

interface Answered {
  status: number
  body?: unknown
}

/** A declared status with the body that belongs to it, its dates not yet written as text. */
type AnswerOf<Declared extends Answers> = Answered &
  {
    [Status in keyof Declared]: Declared[Status] extends z.ZodType
      ? { status: Status; body: Served<z.output<Declared[Status]>> }
      : { status: Status }
  }[keyof Declared]

export interface Endpoints {
  add<Input extends Parts, const Declared extends Answers>(endpoint: Endpoint<Input, Declared>): void
  addEvents<Input extends Parts>(route: EventRoute<Input>): void
  /** OpenAPI 3.1, of all that was added before it was first asked for. */
  document(): object
}

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
        schemas: { Error: z.toJSONSchema(problemSchema) },
      },
      paths,
    }
  }

  function route<Input extends Parts>(
    { method, path, input, ...rest }: Route<Input>,
    describe: () => object,
    handle: (input: Parsed<Input>, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>,
  ): void {
    const schema = z.object(input)
    app.route({
      method,
      url: path,
      handler: async (request, reply) => {
        const { params, query, body } = request
        // Parsed by the very schemas that the type is made of.
        return await handle(schema.parse({ params, query, body }) as Parsed<Input>, request, reply)
      },
    })
    const url = path.replaceAll(/:(\w+)/g, "{$1}")
    described.push({
      url,
      method: method.toLowerCase(),
      describe: () => operation({ method, path, input, ...rest }, describe()),
    })
  }

  return {
    add(endpoint) {
      const { summary, answers } = endpoint
      route(
        endpoint,
        () => responsesOf(summary, answers),
        async (input, request, reply) => {
          const { status, body }: Answered = await endpoint.handle(input, request, reply)
          return reply.code(status).send(body)
        },
      )
    },
    addEvents(events) {
      route(
        events,
        () => ({ 200: { description: events.summary, content: { "text/event-stream": eventSchema(events.events) } } }),
        async (input, request, reply) => {
          await events.follow(input, request, reply)
          return reply
        },
      )
    },
    document() {
      document ??= describeAll()
      return document
    },
  }
}

const json = (schema: z.ZodType, io: "input" | "output") => ({
  content: { "application/json": { schema: z.toJSONSchema(schema, { io }) } },
})

function responsesOf(summary: string, answers: Answers): object {
  const responses = Object.entries(answers).map(([status, schema]) => [
    status,
    { description: summary, ...(schema ? json(schema, "output") : {}) },
  ])
  return Object.fromEntries(responses)
}

/** One event of a stream, with its data as the JSON that the text holds. */
function eventSchema(events: Record<string, z.ZodType>): object {
  const options = Object.entries(events).map(([event, data]) => z.object({ event: z.literal(event), data }))
  return { schema: z.toJSONSchema(z.union(options)) }
}

function operation<Input extends Parts>({ summary, input }: Route<Input>, responses: object): object {
  const failed = {
    description: "refused",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  }
  return {
    summary,
    parameters: [...fields(input.params, "path"), ...fields(input.query, "query")],
    ...(input.body ? { requestBody: { required: true, ...json(input.body, "input") } } : {}),
    responses: { ...responses, default: failed },
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
