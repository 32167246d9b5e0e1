// Names of types and collations as PostgreSQL writes them (`format_type`, `%I.%I`), for where they come from a file and go into SQL.
//
// What must be true: nothing that ends a statement, an expression or a list is taken for one of them. A name that is quoted can
// have anything in it, for it is read as a name.

const part = String.raw`(?:[a-z_][a-z0-9_]*|"(?:[^"\0]|"")+")`
const name = String.raw`${part}(?:\.${part})?`
const limits = String.raw`\(-?\w+(?:,-?\w+)*\)`
const zone = '(?:with|without) time zone'
const units = '(?:year|month|day|hour|minute|second)'

/** Those of several words come from a list that ends: no other words stand beside each other. */
const type = new RegExp(
  [
    '^(?:',
    `(?:double precision|(?:character|bit) varying|interval ${units}(?: to ${units})?|${name})(?:${limits})?`,
    String.raw`|(?:time|timestamp)(?:\(\d\))? ${zone}`,
    String.raw`)(?:\[\])*$`,
  ].join(''),
)
const collation = new RegExp(`^${name}$`)

export function isTypeName(text: string): boolean {
  return type.test(text)
}

export function isCollationName(text: string): boolean {
  return collation.test(text)
}
