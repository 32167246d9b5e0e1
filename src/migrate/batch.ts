// Neighbouring migrations that touch nothing but tables made in the same run are carried out in one transaction, with
// all their records: building an empty database takes one commit for fifty files instead of fifty.
//
// Invariants: a batch holds no lock on anything that was there before the run, so nobody waits for it; it takes effect
// whole, records included, or not at all; where it fails, its migrations are run one by one as if it had not been tried.

import { checkpoint } from '../base/clock.ts'
import type { Session } from '../db/db.ts'
import { rollback } from '../db/transaction.ts'
import { asOurselves, describeEffect, joint, resetText } from '../plan/index.ts'
import type { AstNode, ParsedStatement } from '../sql/parse.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import { isConnectionLost } from '../sql/sqlstate.ts'
import { readBody } from './files.ts'
import type { PlannedMigration } from './plan.ts'
import { progressStatement } from './queries.ts'
import type { RunTools } from './run-migration.ts'

const mostMigrations = 50

/** They run nobody's code on what existed before, and none of them SETs anything or ends a transaction. */
const batchable: ReadonlySet<string> = new Set([
  'AlterTableStmt',
  'CommentStmt',
  'CreateStmt',
  'IndexStmt',
  'InsertStmt',
])

export interface Batch {
  readonly migrations: readonly {
    readonly planned: PlannedMigration
    readonly statements: readonly ParsedStatement[]
  }[]
  /** Tables made in it, as they are written. */
  readonly made: ReadonlySet<string>
}

/** The longest batch at the start of `planned`, perhaps empty. `known`: tables that earlier batches of the run made. */
export async function leadingBatch(planned: readonly PlannedMigration[], known: ReadonlySet<string>): Promise<Batch> {
  const made = new Set(known)
  const migrations: { planned: PlannedMigration; statements: readonly ParsedStatement[] }[] = []
  for (const next of planned.slice(0, mostMigrations)) {
    if (next.direction !== 'up' || next.unfinished !== undefined || next.file.kind !== 'sql') break
    const body = await readBody(next.file)
    if (body.kind !== 'sql' || !body.up.every((statement) => fits(statement, made))) break
    migrations.push({ planned: next, statements: body.up })
  }
  return { migrations, made }
}

/** Adds to `made` what the statement makes. */
function fits(statement: ParsedStatement, made: Set<string>): boolean {
  const { kind, node } = statement
  if (!batchable.has(kind) || node['concurrent'] === true || callsOthers(node)) return false
  const relation = (node['relation'] ?? {}) as AstNode
  if (kind === 'CreateStmt') {
    // What may be there already is not new, and a temporary table hides another of its name.
    if (node['if_not_exists'] === true || relation['relpersistence'] === 't') return false
    made.add(nameOf(relation))
  }
  if (kind === 'CommentStmt' && node['objtype'] !== 'OBJECT_TABLE' && node['objtype'] !== 'OBJECT_COLUMN') return false
  return describeEffect(statement).locks.every((lock) => made.has(lock.on))
}

/** Functions that SET nothing and look at no table. */
const harmlessFunctions: ReadonlySet<string> = new Set([
  'now',
  'clock_timestamp',
  'gen_random_uuid',
  'generate_series',
  'nextval',
  'lower',
  'upper',
  'repeat',
  'md5',
])

/** Without recursion: a tree may be deeper than the stack. */
function callsOthers(root: AstNode): boolean {
  const open: unknown[] = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    const call = (value as { FuncCall?: { funcname?: readonly { String?: { sval?: string } }[] } }).FuncCall
    if (call !== undefined && !harmlessFunctions.has(call.funcname?.at(-1)?.String?.sval ?? '')) return true
    for (const below of Object.values(value)) open.push(below)
  }
  return false
}

function nameOf(relation: AstNode): string {
  const parts = [relation['schemaname'], relation['relname']].filter((part): part is string => typeof part === 'string')
  return quoteQualified(...parts)
}

/** False: it failed, nothing of it took effect, and the migrations are to be run one by one. */
export async function runBatch(session: Session, batch: Batch, tools: RunTools): Promise<boolean> {
  const begun = tools.clock.monotonic()
  const message = ['begin', ...batch.migrations.flatMap(textsOf), 'commit', resetText(session)].join(joint)
  for (const { planned } of batch.migrations) {
    tools.onEvent?.({ type: 'started', name: planned.file.name, direction: 'up', resumedAt: 0 })
  }
  try {
    await session.query(sql.raw(message))
  } catch (error) {
    await rollback(session)
    checkpoint(tools.signal)
    if (isConnectionLost(error)) throw error
    return false
  }
  const durationMs = (tools.clock.monotonic() - begun) / batch.migrations.length
  for (const { planned } of batch.migrations) {
    tools.onEvent?.({ type: 'done', name: planned.file.name, direction: 'up', durationMs })
  }
  return true
}

function textsOf({ planned, statements }: Batch['migrations'][number]): string[] {
  const { name, checksum, text } = planned.file
  const note = progressStatement({ name, checksum, content: text, direction: 'up' }, statements.length, true)
  return [...statements.map((statement) => statement.text), `${asOurselves}${note}`]
}
