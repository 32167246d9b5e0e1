// docs/config.md, from the schema that checks a configuration.

import { z } from 'zod'

/** The part of JSON Schema that our schema uses. */
interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema | false
  readonly prefixItems?: readonly JsonSchema[]
  readonly propertyNames?: JsonSchema
  readonly additionalProperties?: JsonSchema | false
  readonly minimum?: number
  readonly maximum?: number
}

interface Row {
  readonly path: string
  readonly schema: JsonSchema
  readonly required: boolean
}

export function renderConfigDocs(schema: z.ZodType): string {
  const top = z.toJSONSchema(schema, { io: 'input' }) as JsonSchema
  const sections = Object.entries(top.properties ?? {}).map(([name, section]) => {
    return [
      `## ${name}`,
      '',
      describe(section, name),
      '',
      ...renderTable([...rowsOf(section, name), ...rowsOfRecord(section, name)]),
      '',
    ].join('\n')
  })
  return [head, ...sections].join('\n')
}

const head = `<!-- Written by \`npm run docs\` from src/config/shape.ts. Do not edit. -->
# Configuration

\`pgstrata.config.ts\` in the root of the project (or \`.mts\`, \`.js\`, \`.mjs\`, \`.json\`). Commands look for it in the folder they run in and
above; \`--config\` names another. Paths in it start from its folder. It is checked as a whole when it is loaded: a key that does
not exist is an error, and all mistakes are told at once.

\`\`\`ts
import { defineConfig } from 'pgstrata'

export default defineConfig({
  database: {
    primary: process.env['DATABASE_URL'],
    replicas: [{ url: process.env['READ_URL'], maxLag: '50ms' }],
    pool: { max: 20 },
  },
  migrations: { lockTimeout: { tries: 40 }, lint: { rules: { 'prefer-identity': 'off' } } },
})
\`\`\`

A *duration* is text with a unit (\`'50ms'\`, \`'10s'\`, \`'5 min'\`, \`'30 days'\`) or a number of milliseconds.
`

function* rowsOf(schema: JsonSchema, path: string): Generator<Row> {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const row = { path: `${path}.${name}`, schema: property, required: schema.required?.includes(name) === true }
    yield row
    if (property.title !== undefined) continue
    const inside = property.anyOf?.find((choice) => choice.properties !== undefined) ?? property
    yield* rowsOf(inside, row.path)
    if (typeof inside.items === 'object') yield* rowsOf(inside.items, `${row.path}[]`)
    yield* rowsOfRecord(inside, row.path)
  }
}

/** A record whose values have keys of their own: each stands for all names. */
function* rowsOfRecord(schema: JsonSchema, path: string): Generator<Row> {
  if (typeof schema.additionalProperties !== 'object') return
  const { additionalProperties: values } = schema
  const inside = values.anyOf?.find((choice) => choice.properties !== undefined) ?? values
  yield* rowsOf(inside, `${path}.<name>`)
}

function renderTable(rows: readonly Row[]): string[] {
  return [
    '| key | type | default | what it does |',
    '|---|---|---|---|',
    ...rows.map(({ path, schema, required }) => {
      const cells = [`\`${path}\``, typeOf(schema), defaultOf(schema, required), describe(schema, path)]
      return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`
    }),
  ]
}

/** A key without a description is a mistake: it would be a key that nobody can know of. */
function describe(schema: JsonSchema, path: string): string {
  if (schema.description === undefined) throw new Error(`${path} has no description in src/config/shape.ts`)
  return schema.description
}

function defaultOf(schema: JsonSchema, required: boolean): string {
  if (required) return '(required)'
  return schema.default === undefined || schema.properties !== undefined ? '' : `\`${JSON.stringify(schema.default)}\``
}

function typeOf(schema: JsonSchema): string {
  if (schema.title !== undefined) return schema.title
  const choices = schema.enum ?? (schema.const === undefined ? [] : [schema.const])
  if (choices.length > 0) return choices.map((choice) => `\`${JSON.stringify(choice)}\``).join(', ')
  if (schema.anyOf !== undefined) {
    const separator = schema.anyOf.every((choice) => choice.const !== undefined) ? ', ' : ' or '
    return schema.anyOf.map(typeOf).join(separator)
  }
  if (schema.prefixItems !== undefined) return `\`[…]\` of ${schema.prefixItems.map(typeOf).join(' and ')}`
  if (Array.isArray(schema.type) && schema.type.join() === 'string,number,boolean') return 'text, number, true or false'
  // The only text-or-number in the schema. A title in the schema (`meta({ title })`) says otherwise.
  if (Array.isArray(schema.type) && schema.type.join() === 'string,number') return 'duration'
  switch (schema.type) {
    case 'string':
      return 'text'
    case 'boolean':
      return 'true or false'
    case 'integer':
    case 'number':
      return `${schema.type === 'integer' ? 'whole number' : 'number'}${rangeOf(schema)}`
    case 'array':
      return `list of ${typeOf(schema.items === false ? {} : (schema.items ?? {}))}`
    case 'object':
      return schema.properties === undefined ? mapOf(schema) : 'object'
    case undefined:
    default:
      throw new Error(`scripts/docs/config.ts cannot name the type ${JSON.stringify(schema)}`)
  }
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  return minimum === undefined || maximum === undefined ? '' : `, ${minimum} to ${maximum}`
}

function mapOf({ additionalProperties, propertyNames }: JsonSchema): string {
  const names = propertyNames?.enum === undefined ? 'any name' : 'name'
  return `${names} → ${additionalProperties === undefined || additionalProperties === false ? 'text' : typeOf(additionalProperties)}`
}
