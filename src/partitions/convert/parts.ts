// What a conversion is put together from: what is bound to a table, and how partitions are made. Handed in, so that the
// engine knows neither a kind of object nor a statement that makes a partition.

import { StrataError } from '../../base/errors.ts'
import type { Queryable, Session } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { layoutRowOf, upsertLayout } from '../layout-rows.ts'
import type { PartitionedTable } from '../options.ts'
import { newPartitions, undivided } from '../plan.ts'
import { readTable } from '../queries.ts'
import { readIsOrdered } from '../readings.ts'
import { fillTemplate, leafNames, templateFor, type TemplateSubject } from '../template.ts'
import { readBound } from './bound/index.ts'
import { leafStatements, type BoundItem, type BoundSubject, type LeafSettings } from './bound/item.ts'

/** A partition as it will be: bounds as SQL writes them. */
export interface PartitionDraft {
  readonly name: string
  readonly lower: string
  readonly upper: string
}

interface PartitionsWanted {
  readonly declared: PartitionedTable
  /** The parent's name until the swap; names of partitions are final. */
  readonly parent: string
  /** In order; empty for a layout by hash alone, which has the parts that it declares. */
  readonly periods: readonly PartitionDraft[]
  readonly leaf: LeafSettings | undefined
}

export interface ConversionParts {
  readBound(session: Session, subject: BoundSubject): Promise<readonly BoundItem[]>
  /** Statements that make the partitions and attach them. Refuses names that belong to other relations. */
  makePartitions(on: Queryable, wanted: PartitionsWanted): Promise<readonly string[]>
  /** The statement that notes the layout, for those who make partitions later. */
  noteLayout(on: Queryable, declared: PartitionedTable): Promise<string>
}

export const conversionParts: ConversionParts = { readBound, makePartitions, noteLayout }

async function makePartitions(on: Queryable, wanted: PartitionsWanted): Promise<readonly string[]> {
  const { declared, parent, periods, leaf } = wanted
  const { layout } = declared
  const subject: TemplateSubject = { ...(await readSubject(on, declared)), parent }
  const template = templateFor(subject)
  const settle = (name: string): readonly string[] =>
    leaf === undefined ? [] : leafStatements(leaf, quoteQualified(declared.schema, name))
  const wantedOnes = newPartitions({
    declared,
    partitions: [],
    missing: periods.map((period) => ({ ...period, taken: false })),
    inDefault: new Set(),
  })
  const made = wantedOnes.flatMap((one) => [
    ...fillTemplate(template, one),
    ...leafNames(declared, one.name).flatMap(settle),
  ])
  const names = wantedOnes.flatMap((one) => [one.name, ...leafNames(declared, one.name)])
  if (declared.outside !== 'default' || layout.kind === 'hash') {
    await requireFree(on, declared, names)
    return made
  }
  const name = `${declared.table}_default`
  await requireFree(on, declared, [...names, name])
  return [...made, ...fillTemplate(templateFor(undivided(subject)), { name, bound: 'default' }), ...settle(name)]
}

async function requireFree(on: Queryable, declared: PartitionedTable, names: readonly string[]): Promise<void> {
  const { rows } = await on.query<{ name: string }>(sql`
    select quote_ident(c.relname) as name
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${declared.schema}
      and c.relname = any(${names}::text[])
    order by 1
    limit 5`)
  if (rows.length === 0) return
  throw new StrataError('CONVERT_REFUSED', {
    message: `Names of partitions of ${quoteQualified(declared.schema, declared.table)} belong to other relations`,
    got: rows.map((row) => row.name).join(', '),
    advice: 'Rename those, or declare other `names`.',
  })
}

async function noteLayout(on: Queryable, declared: PartitionedTable): Promise<string> {
  return upsertLayout(layoutRowOf(declared, templateFor(await readSubject(on, declared))))
}

async function readSubject(on: Queryable, declared: PartitionedTable): Promise<TemplateSubject> {
  const state = await readTable(on, declared)
  if (state === undefined) {
    const name = quoteQualified(declared.schema, declared.table)
    throw new StrataError('TABLE_UNKNOWN', { message: `There is no table ${name}` })
  }
  return { declared, traits: state.traits, brin: await readIsOrdered(on, declared, state.oid) }
}
