// Measures of values as a recompute of the source tells them, written without anything of ours but the bucket.

import type { Db, Session } from '../../src/db/db.ts'
import type { Measure } from '../../src/rollups/model/options.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { quoteIdent, quoteQualified } from '../../src/sql/quote.ts'
import { sql } from '../../src/sql/sql.ts'

/** Over `rows`, which has the column `x`. */
function truthOf({ kind, fraction = 0, most = 0 }: Measure, rows: string): string {
  if (kind === 'countDistinct') return `(select count(distinct x) from ${rows})`
  if (kind === 'mode') return `(select mode() within group (order by x) from ${rows})`
  if (kind === 'percentile')
    return `(select percentile_disc(${fraction}) within group (order by x)::float8 from ${rows})`
  if (kind === 'topK') {
    const counted = `select x, count(*) as times from ${rows} group by x order by times desc, x limit ${most}`
    return `(select array_agg(x order by times desc, x) from (${counted}) as most)`
  }
  return `(select count(*) from ${rows})`
}

/** `groups`: name and expression over a row of the source; `where`: which rows. Null where no row is. */
export function recompute(
  { rollup }: Pick<Shape, 'rollup'>,
  groups: readonly { readonly name: string; readonly value: string }[],
  where = 'true',
): string {
  const source = quoteQualified(rollup.schema, rollup.table)
  const rows = `select * from ${source} where (${rollup.where ?? 'true'}) and (${where})`
  const keys = groups.map(({ value }, place) => `${value} as key_${place}`)
  const measures = rollup.measures.map((measure) => {
    const same = groups.map(({ value }, place) => `(${value}) is not distinct from keys.key_${place}`)
    const counted = measure.kind === 'count' ? '1' : `(${measure.of ?? 'null'})`
    const conditions = [...same, `(${measure.filter ?? 'true'})`, `${counted} is not null`].join(' and ')
    const own = `(select ${counted} as x from (${rows}) as r where ${conditions}) as own`
    return `${truthOf(measure, own)} as ${quoteIdent(measure.name)}`
  })
  const named = groups.map(({ name }, place) => `keys.key_${place} as ${quoteIdent(name)}`)
  const having =
    groups.length === 0 ? 'having count(*) > 0' : `group by ${groups.map((_, place) => place + 1).join(', ')}`
  return `select ${[...named, ...measures].join(', ')} from (select ${keys.join(', ')} from (${rows}) as r ${having}) as keys`
}

/** Rows of `one` that `other` has not, with percentiles as near as they are said to be. */
export function missing(
  measures: readonly Measure[],
  groups: readonly string[],
  { one, other, lax }: { readonly one: string; readonly other: string; readonly lax: 'one' | 'other' },
): string {
  const same = groups.map((name) => `one.${quoteIdent(name)} is not distinct from other.${quoteIdent(name)}`)
  const equal = measures.map(({ name, kind, error = 0.01 }) => {
    const [a, b] = [`one.${quoteIdent(name)}`, `other.${quoteIdent(name)}`]
    if (kind !== 'percentile') return `${a} is not distinct from ${b}`
    const truth = lax === 'one' ? b : a
    return `(${a} is not distinct from ${b} or abs(${a} - ${b}) <= ${error * (1 + 1e-9)} * nullif(abs(${truth}), 'Infinity'))`
  })
  return `select to_jsonb(one)::text as row from (${one}) as one where not exists (select from (${other}) as other where ${[...same, ...equal].join(' and ')})`
}

/** What view and recompute do not agree on, as one statement. */
export function differencesText(shapes: readonly Shape[]): string {
  const of = shapes.map((shape, place) => {
    const { rollup } = shape
    const groups = shape.keys.map(({ name }) => name)
    const columns = [...groups, ...rollup.measures.map(({ name }) => name)].map(quoteIdent).join(', ')
    const view = `select ${columns} from ${quoteQualified(rollup.schema, rollup.name)}`
    const side = (name: string, one: string, other: string, lax: 'one' | 'other'): string =>
      `select '${rollup.name}' as rollup, '${name}' as of, row from (${missing(rollup.measures, groups, { one: `table ${one}${place}`, other: `table ${other}${place}`, lax })}) as side`
    return {
      both: `view${place} as materialized (${view}), truth${place} as materialized (${recompute(shape, shape.keys)})`,
      sides: [side('view', 'view', 'truth', 'one'), side('truth', 'truth', 'view', 'other')],
    }
  })
  return `with ${of.map(({ both }) => both).join(', ')} ${of.flatMap(({ sides }) => sides).join(' union all ')}`
}

export async function differences(on: Db | Session, ...shapes: readonly Shape[]): Promise<readonly unknown[]> {
  return (await on.query(sql.raw(differencesText(shapes)))).rows
}
