// The OpenAPI 3.1 document, made of the routes.

import { errorShape } from './errors.ts'
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
      responses: {
        Error: {
          description: 'What was refused, or failed.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
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
    responses: {
      '200': { description: 'Done.', content: contentOf(route) },
      default: { $ref: '#/components/responses/Error' },
    },
  }
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
