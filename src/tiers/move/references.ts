// Foreign keys of a table that is to take a partition's place.
//
// What holds: when it is attached, each foreign key of the table above is found on it, validated, so that nothing is looked at row
// by row while everybody waits. They are added after the rows, NOT VALID under a rung's patience and validated behind it, which
// keeps nobody from writing to the table that is referred to. A row that refers to nothing any more (as packed rows may) is told by
// 23503, and nothing is moved.

import type { Queryable } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { inTransaction, type MoveRun } from './context.ts'
import { runAll } from './incoming.ts'
import type { Successor } from './belongings.ts'

interface Reference {
  /** As SQL writes it. */
  readonly table: string
  readonly name: string
  readonly definition: string
  readonly isChecked: boolean
}

/** What is there already, of an earlier try, is left as it is. */
export async function addReferences(run: MoveRun, successors: readonly Successor[]): Promise<void> {
  for (const { table, name, definition, isChecked } of await readReferences(run.session, successors)) {
    const state = await readState(run.session, table, name)
    if (state === 'absent') {
      const suffix = isChecked ? ' not valid' : ''
      await inTransaction(run, {}, async (tx) => {
        await runAll(tx, [`alter table ${table} add constraint ${name} ${definition}${suffix}`])
        return run.record
      })
    }
    if (isChecked && state !== 'checked') {
      await inTransaction(run, {}, async (tx) => {
        await runAll(tx, [`alter table ${table} validate constraint ${name}`])
        return run.record
      })
    }
  }
}

async function readReferences(on: Queryable, successors: readonly Successor[]): Promise<readonly Reference[]> {
  const found: Reference[] = []
  for (const { leaf, incoming } of successors) {
    const { rows } = await on.query<Omit<Reference, 'table'>>(sql`
      select quote_ident(conname) as name, pg_get_constraintdef(oid) as definition, convalidated as "isChecked"
      from pg_constraint
      where conrelid = ${leaf.oid}::oid
        and contype = 'f'
      order by conname`)
    found.push(...rows.map((row) => ({ ...row, table: quoteQualified(leaf.schema, incoming) })))
  }
  return found
}

async function readState(on: Queryable, table: string, name: string): Promise<'absent' | 'unchecked' | 'checked'> {
  const { rows } = await on.query<{ checked: boolean }>(sql`
    select convalidated as checked
    from pg_constraint
    where conrelid = ${table}::regclass
      and quote_ident(conname) = ${name}`)
  const [found] = rows
  if (found === undefined) return 'absent'
  return found.checked ? 'checked' : 'unchecked'
}
