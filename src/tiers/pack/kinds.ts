// What can be computed with a type. Told by its SQL name, which only a type of the system has unqualified.

export type Kind = 'integer' | 'date' | 'moment' | 'numeric' | 'float' | 'text' | 'bool' | 'other'

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['smallint', 'integer'],
  ['integer', 'integer'],
  ['bigint', 'integer'],
  ['date', 'date'],
  ['timestamp without time zone', 'moment'],
  ['timestamp with time zone', 'moment'],
  ['time without time zone', 'moment'],
  ['numeric', 'numeric'],
  ['real', 'float'],
  ['double precision', 'float'],
  ['text', 'text'],
  ['character varying', 'text'],
  ['boolean', 'bool'],
])

/** `min` and `max` are exact and cheap, and the value is a few bytes. */
const ended: ReadonlySet<Kind> = new Set(['integer', 'date', 'moment', 'numeric', 'float'])

/** Values are a few bytes at most, so that nothing has to be weighed. */
const small: ReadonlySet<string> = new Set([
  'uuid',
  'interval',
  'inet',
  'cidr',
  'macaddr',
  'macaddr8',
  'oid',
  'money',
  'point',
])

export function kindOf(type: string): Kind {
  return kinds.get(type) ?? 'other'
}

export function hasEnds(type: string): boolean {
  return ended.has(kindOf(type))
}

export function isSmall(type: string): boolean {
  const kind = kindOf(type)
  return kind === 'bool' || ended.has(kind) || small.has(type)
}

/** SQL that is the same for two values only if they look the same: 1.0 and 1.00 do not, nor do 0 and -0. */
export function exactly(type: string, value: string): string {
  switch (kindOf(type)) {
    case 'integer':
    case 'date':
    case 'moment':
    case 'bool':
      return value
    case 'text':
      return `${value} collate pg_catalog."C"`
    case 'numeric':
    case 'float':
    case 'other':
      return textOf(type, value)
  }
}

/**
 * SQL of the text from which the value can be had again; null for null. A cast to text need not be that: it takes the blanks
 * from the end of a character(12). `concat` asks the type itself.
 */
export function textOf(type: string, value: string): string {
  return kindOf(type) === 'other'
    ? `(case when ${value} is distinct from null then concat(${value}) end) collate pg_catalog."C"`
    : `(${value})::text collate pg_catalog."C"`
}

/** SQL of how far `upper` is above `lower`, as int8: in ones, days, microseconds. Both are finite and within decades. */
export function distance(type: string, { upper, lower }: { readonly upper: string; readonly lower: string }): string {
  switch (kindOf(type)) {
    case 'date':
      return `(${upper} - ${lower})::int8`
    case 'moment':
      return `round(date_part('epoch', ${upper} - ${lower}) * 1000000)::int8`
    default:
      return `(${upper}::int8 - ${lower}::int8)`
  }
}

/** SQL of the value that is `by` (an int8) above another. */
export function moved(type: string, value: string, by: string): string {
  switch (kindOf(type)) {
    case 'date':
      return `(${value} + (${by})::int4)`
    case 'moment':
      return `(${value} + (${by}) * interval '1 microsecond')`
    default:
      return `(${value}::int8 + (${by}))::${type}`
  }
}
