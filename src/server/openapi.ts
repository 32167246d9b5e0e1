// The OpenAPI 3.1 document, made of the routes and of the table of errors.

import { errorTable } from '../base/error-table.ts'
import { errorShape } from './errors.ts'
import { refusalsOf } from './refusals.ts'
import type { Route } from './route.ts'
import type { JsonSchema, ObjectShape } from './shape.ts'

export function createOpenApi(
  routes: readonly Route[],
  { version, prefix }: { readonly version: string; readonly prefix: string },
): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'pgstrata', version, license: { name: 'MIT' } },
    servers: [{ url: prefix === '' ? '/' : prefix }],
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: errorShape.schema },
    },
    paths,
  }
}

function operationOf(route: Route): JsonSchema {
  const { summary, group, access, needs } = route
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/[^a-zA-Z]+(\w?)/g, (_, next: string) => next.toUpperCase())}`,
    summary: needs === undefined ? summary : `${summary} Needs \`${needs}\`.`,
    tags: [group],
    security: access === 'open' ? [] : [{ token: [] }],
    parameters: [...parametersOf('path', route.params), ...parametersOf('query', route.query)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { content: { 'application/json': { schema: route.body.schema } } } }),
    responses: responsesOf(route),
  }
}

const errorSchema: JsonSchema = { $ref: '#/components/schemas/Error' }

/** Where a status is both an answer and a refusal, its body is either. */
function responsesOf(route: Route): JsonSchema {
  const responses: Record<string, JsonSchema> = {}
  const statuses = (route.kind === 'json' ? route.statuses : undefined) ?? { 200: 'Done.' }
  for (const [status, description] of Object.entries(statuses))
    responses[status] = { description, content: contentOf(route) }
  if (route.cache !== 'none') responses['304'] = { description: 'It is as `If-None-Match` knows it.' }
  for (const [status, codes] of refusalsOf(route)) {
    const description = codes.map((code) => `\`${code}\`: ${errorTable[code].title}`).join(' ')
    const answered = responses[status]
    responses[status] = {
      description: answered === undefined ? description : `${String(answered['description'])} Or ${description}`,
      content: { 'application/json': { schema: answered === undefined ? errorSchema : eitherOf(route) } },
    }
  }
  return {
    ...responses,
    default: { description: 'Any other refusal.', content: { 'application/json': { schema: errorSchema } } },
  }
}

function eitherOf(route: Route): JsonSchema {
  return route.kind === 'json' ? { anyOf: [route.answer.schema, errorSchema] } : errorSchema
}

function parametersOf(place: 'path' | 'query', shape: ObjectShape<unknown> | undefined): readonly JsonSchema[] {
  return Object.entries(shape?.fields ?? {}).map(([name, { schema, isOptional }]) => ({
    name,
    in: place,
    required: place === 'path' || isOptional !== true,
    schema,
  }))
}

function contentOf(route: Route): JsonSchema {
  switch (route.kind) {
    case 'json':
      return { 'application/json': { schema: route.answer.schema } }
    case 'text':
      return { 'text/plain': { schema: { type: 'string' } } }
    case 'stream':
      return { 'text/event-stream': { schema: { type: 'string' } } }
  }
}
