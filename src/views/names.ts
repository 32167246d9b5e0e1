// What belongs to a view is called after it; what does not fit into a name ends in a digest of the whole.

import { createHash } from 'node:crypto'
import { viewLockClass } from '../catalog/install.ts'
import { quoteQualified } from '../sql/quote.ts'
import type { MaterializedView } from './options.ts'

type Place = Pick<MaterializedView, 'schema' | 'name'>

const maxNameBytes = 63

export function placeOf({ schema, name }: Place): string {
  return quoteQualified(schema, name)
}

/** As a person reads it. */
export function describeView({ schema, name }: Place): string {
  return `materialized view ${schema}.${name}`
}

/** Where a replacement is built, beside the view. */
export function besideOf({ schema, name }: Place): Place {
  return { schema, name: `pgstrata_${digestOf([schema, name])}` }
}

export function indexNameOf(
  { name }: Place,
  { columns, unique }: { readonly columns: readonly string[]; readonly unique: boolean },
): string {
  const end = unique ? '_key' : '_idx'
  const whole = `${[name, ...columns].join('_')}${end}`
  if (Buffer.byteLength(whole) <= maxNameBytes) return whole
  return `${cut(name, maxNameBytes - end.length - 13)}_${digestOf([name, columns])}${end}`
}

/** To a number of bytes, and never through a character. */
function cut(text: string, sizeBytes: number): string {
  let kept = ''
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > sizeBytes) break
    kept += character
  }
  return kept
}

export function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12)
}

/** The two arguments of pg_try_advisory_xact_lock: who refreshes a view holds it. An oid has 32 bits without a sign. */
export function viewLockArguments(oid: string): string {
  return `${viewLockClass}, (${oid})::pg_catalog.int8::pg_catalog.bit(32)::pg_catalog.int4`
}
