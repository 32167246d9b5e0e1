// Turns an empty table into a partitioned one: a new table is made beside it with everything that is bound to the old one,
// gets its partitions, and takes the old one's name, which is dropped. One transaction: nobody sees anything in between.
//
// Invariant: no row is lost. The old table is locked first, and the transaction fails if it has a row by then: it was
// empty when the plan was made, and need not be any more. It fails, too, where a policy would hide rows from whoever applies.

import type { StepDraft } from '../plan/index.ts'
import { quoteIdent, quoteQualified } from '../sql/quote.ts'
import type { ConversionNames, Phase } from './convert/bound/item.ts'
import { describeTable } from './fit.ts'
import type { PartitionedTable } from './options.ts'

export interface Replacement {
  readonly declared: PartitionedTable
  /** What is locked before the table: views that read it. */
  readonly beforeLock: readonly string[]
  /** The statements of a phase, for everything that is bound to the table. */
  readonly bound: (phase: Phase) => readonly string[]
  /** The statements that make the partitions of a table of that name. */
  readonly partitions: (parent: string) => readonly string[]
  /** Notes the layout. */
  readonly note: string
}

export function replacementNames({ schema, table }: Pick<PartitionedTable, 'schema' | 'table'>): ConversionNames {
  // Nobody sees these names outside of the one transaction, so a long one is cut, between two characters.
  const named = (suffix: string): string => {
    let stem = table
    while (Buffer.byteLength(stem) + suffix.length > 63) stem = Array.from(stem).slice(0, -1).join('')
    return `${stem}${suffix}`
  }
  return { schema, table, incoming: named('_incoming'), retired: named('_retired') }
}

export function replaceEmpty({ declared, beforeLock, bound, partitions, note }: Replacement): StepDraft {
  const { schema, table, incoming, retired } = replacementNames(declared)
  const name = quoteQualified(schema, table)
  return {
    title: `Partition ${describeTable(declared)}, which is empty`,
    statements: [
      'begin',
      ...beforeLock,
      `lock table ${name} in access exclusive mode`,
      'set local row_security = off',
      requireEmpty(name),
      'set local row_security to default',
      ...bound('prepare'),
      ...bound('filled'),
      ...partitions(incoming),
      ...bound('release'),
      `alter table ${name} rename to ${quoteIdent(retired)}`,
      `alter table ${quoteQualified(schema, incoming)} rename to ${quoteIdent(table)}`,
      ...bound('adopt'),
      `drop table ${quoteQualified(schema, retired)}`,
      ...bound('settle'),
      // Statements that name the table itself are kept with its own name.
      note,
      'commit',
    ],
    undo: null,
    whyNoUndo: 'the plain table is gone; it had no row',
  }
}

/** 55000: object_not_in_prerequisite_state. */
function requireEmpty(name: string): string {
  return `do $pgstrata$
begin
  if exists (select from ${name}) then
    raise exception using errcode = '55000',
      message = 'the table has rows by now',
      hint = 'Plan again: a table with rows is converted by pgstrata convert.';
  end if;
end
$pgstrata$`
}
