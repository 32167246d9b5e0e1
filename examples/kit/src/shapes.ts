// JSON Schema of what comes in: what is not as it must be is refused before a route sees it.

/** What somebody has named: PostgreSQL keeps no NUL in a text. */
export const word = { type: 'string', minLength: 1, maxLength: 200, pattern: '^[^\\u0000]+$' } as const

/** Names of fields, and cursors. */
export const short = { type: 'string', maxLength: 600 } as const

type Properties = Readonly<Record<string, object>>

export function query(
  properties: Properties,
  { required = [] }: { readonly required?: readonly string[] } = {},
): object {
  return { type: 'object', properties, required, additionalProperties: false }
}

export function params(properties: Properties): object {
  return { type: 'object', properties, required: Object.keys(properties) }
}

export function body(
  properties: Properties,
  { required = Object.keys(properties) }: { readonly required?: readonly string[] } = {},
): object {
  return { type: 'object', properties, required, additionalProperties: false }
}
