// The statements of a drain: a stand-in for the table (`staging`) that has the new partitions and a new default partition, and
// the exchange that hands them to the table. Pure.
//
// What holds: the exchange locks the table before its default partition; no row is scanned under that lock where CHECKs were
// validated before (`checksOf`), for ATTACH believes those (PostgreSQL 18, ALTER TABLE).

import { captureStatements, type Capture } from '../changes/capture/index.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../sql/quote.ts'
import { capturedColumns } from './convert/read-table.ts'
import type { DrainSubject, RangeOf } from './drain-queries.ts'
import type { MissingPartition } from './missing.ts'
import { undivided } from './plan.ts'
import { fillTemplate, marks, rangeBound, templateFor, type TemplateSubject } from './template.ts'

export interface Staging {
  readonly subject: DrainSubject
  readonly pieces: readonly MissingPartition[]
  /** Of the table's partitions as they are. */
  readonly ranges: readonly RangeOf[]
  /** The table may have one, and the new partitions are to have it, too. */
  readonly brin: boolean
  /** To the new default partition, as statements. */
  readonly handedOn: readonly string[]
}

/** Known by the table's oid, so that what a killed run left is found. */
export function stagingName({ parentOid }: DrainSubject): string {
  return `pgstrata_drain_${parentOid}`
}

function newDefaultName({ parentOid }: DrainSubject): string {
  return `pgstrata_drain_${parentOid}_default`
}

export function captureOfDrain(subject: DrainSubject): Capture {
  const { declared, from, keyColumns } = subject
  const { layout } = declared
  const partitionColumns = [
    layout.column,
    ...(layout.kind === 'hash' || layout.split === undefined ? [] : [layout.split.column]),
  ]
  return {
    id: `drain_${subject.parentOid}`,
    schema: from.schema,
    table: from.name,
    columns: capturedColumns({ keyColumns, partitionColumns }),
    level: 'row',
  }
}

const checkName = 'pgstrata_drain'

/** Staging, with everything attached to it that the table will have. */
export function stageStatements(staging: Staging): readonly string[] {
  const { subject, pieces } = staging
  const { declared, partitionKey } = subject
  const table = quoteQualified(declared.schema, stagingName(subject))
  const parts = templatesOf(staging, stagingName(subject))
  return [
    `create table ${table}\n  (like ${quoteQualified(declared.schema, declared.table)} including all excluding identity)\n  partition by ${partitionKey}`,
    `comment on table ${table} is 'What pgstrata builds to empty a default partition. Dropped by the next run if this one was lost.'`,
    ...pieces.flatMap((piece) => fillTemplate(parts.divided, { name: piece.name, bound: rangeBound(piece) })),
    ...fillTemplate(parts.whole, { name: newDefaultName(subject), bound: 'default' }),
  ]
}

interface Templates {
  readonly divided: readonly string[]
  readonly whole: readonly string[]
}

function templatesOf({ subject, brin }: Staging, parent: string): Templates {
  const { declared, traits } = subject
  const template: TemplateSubject = { declared, traits, parent, brin }
  return { divided: templateFor(template), whole: templateFor(undivided(template)) }
}

/** Validated while everything is empty; they say what ATTACH would otherwise look at row by row. */
export function checksOf({ subject, pieces, ranges }: Staging): readonly string[] {
  const { schema, layout } = subject.declared
  const column = quoteIdent(layout.column)
  const all = [...ranges, ...pieces.map((piece) => ({ lower: unquote(piece.lower), upper: unquote(piece.upper) }))]
  const add = (name: string, condition: string): string =>
    `alter table ${quoteQualified(schema, name)} add constraint ${checkName} check (${condition})`
  return [
    ...pieces.map((piece) =>
      add(
        piece.name,
        `${column} is not null and ${conditionOf(column, { lower: unquote(piece.lower), upper: unquote(piece.upper) })}`,
      ),
    ),
    add(
      newDefaultName(subject),
      `not (${column} is not null and (${all.map((range) => `(${conditionOf(column, range)})`).join(' or ')}))`,
    ),
  ]
}

function conditionOf(column: string, { lower, upper }: RangeOf): string {
  const sides = [
    ...(lower.toUpperCase() === 'MINVALUE' ? [] : [`${column} >= ${quoteLiteral(lower)}`]),
    ...(upper.toUpperCase() === 'MAXVALUE' ? [] : [`${column} < ${quoteLiteral(upper)}`]),
  ]
  return sides.length === 0 ? 'true' : sides.join(' and ')
}

/** A bound as SQL writes it → without its quotes; none of ours holds one inside. */
function unquote(bound: string): string {
  return bound.replaceAll("'", '')
}

/** In this order, in one transaction; ACCESS EXCLUSIVE on the table, then on its default partition. */
export function lockStatements({ declared, from }: DrainSubject): readonly string[] {
  return [
    `lock table only ${quoteQualified(declared.schema, declared.table)} in access exclusive mode`,
    `lock table ${quoteQualified(from.schema, from.name)} in access exclusive mode`,
  ]
}

/** Behind the locks, when staging has every row: the old default partition goes, with its triggers. */
export function exchangeStatements(staging: Staging, checked: boolean): readonly string[] {
  const { subject, pieces } = staging
  const { declared, from } = subject
  const { schema } = declared
  const table = quoteQualified(schema, declared.table)
  const stand = quoteQualified(schema, stagingName(subject))
  const old = quoteQualified(from.schema, from.name)
  const made = [...pieces.map(({ name }) => name), newDefaultName(subject)]
  const parts = templatesOf(staging, declared.table)
  return [
    ...made.map((name) => `alter table ${stand} detach partition ${quoteQualified(schema, name)}`),
    `drop table ${stand}`,
    `alter table ${table} detach partition ${old}`,
    `drop table ${old}`,
    `alter table ${quoteQualified(schema, newDefaultName(subject))} rename to ${quoteIdent(from.name)}`,
    ...pieces.flatMap((piece) => attachmentOf(parts.divided, { name: piece.name, bound: rangeBound(piece) })),
    ...attachmentOf(parts.whole, { name: from.name, bound: 'default' }),
    ...staging.handedOn,
    ...(checked
      ? [...pieces.map(({ name }) => name), from.name].map(
          (name) => `alter table ${quoteQualified(schema, name)} drop constraint ${checkName}`,
        )
      : []),
    ...(checked ? captureStatements(captureOfDrain(subject)).remove : []),
  ]
}

/** ATTACH, and what comes behind it. */
function attachmentOf(
  template: readonly string[],
  partition: { readonly name: string; readonly bound: string },
): readonly string[] {
  const attach = template.findIndex((statement) => statement.includes(marks.bound))
  return fillTemplate(template.slice(attach), partition)
}

/** What a lost run may have left, all of it made in one transaction: the default partition is locked for a moment. */
export function clearStatements(subject: DrainSubject): readonly string[] {
  const { uninstall, remove } = captureStatements(captureOfDrain(subject))
  return [
    ...uninstall,
    ...remove,
    `drop table if exists ${quoteQualified(subject.declared.schema, stagingName(subject))}`,
  ]
}
