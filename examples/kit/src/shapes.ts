// JSON Schema of what comes in, of whole requests: what is not as it must be is refused before a route sees it.

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
