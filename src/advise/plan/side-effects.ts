// What running a statement would do that a rollback does not undo: told, or refused where it would touch what is not the
// statement's own (other sessions, files, the server). Judged by names: what a trigger or a function of the user does inside is not seen,
// so every volatile function of the user is told.

import { StrataError } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { functionsIn } from '../../sql/query/index.ts'
import { sql } from '../../sql/sql.ts'
import type { CheckedStatement } from './statement.ts'

const beyondTransaction =
  /^(?:dblink.*|lo_(?:export|import)|pg_(?:try_)?advisory_(?:lock|unlock).*|pg_(?:cancel|terminate)_backend|pg_(?:switch_wal|reload_conf|promote|rotate_logfile.*|log_.*|create_restore_point|import_system_collations|sync_replication_slots)|pg_(?:create|copy|drop)_.*replication_slot|pg_replication_(?:slot_advance|origin_.*)|pg_logical_.*|pg_backup_(?:start|stop)|pg_wal_replay_(?:pause|resume)|pg_stat_(?:reset|clear|statements_reset).*|pg_file_.*|pg_prewarm|setseed)$/

const sequences: ReadonlySet<string> = new Set(['nextval', 'setval'])

/** One sentence each; throws where the statement must not be run at all. */
export async function findSideEffects(session: Session, statement: CheckedStatement): Promise<readonly string[]> {
  const called = functionsIn(statement)
  const refused = called.find(({ name }) => beyondTransaction.test(name))
  if (refused !== undefined) {
    throw new StrataError('EXPLAIN_REFUSED', {
      message: `The statement calls ${refused.name}(), which no rollback undoes`,
      advice: 'Explain it without running it.',
    })
  }
  const names = called.map(({ name }) => name)
  const told = names
    .filter((name) => sequences.has(name))
    .map((name) => `It called ${name}(): a sequence does not go back when the transaction is rolled back.`)
  const own = await volatileFunctions(session, names)
  const defaults = await sequenceDefaults(session, statement)
  return [
    ...told,
    ...own.map((name) => `It called ${name}(), which is volatile: what it does outside of the transaction remains.`),
    ...defaults.map((name) => `It took values of the sequence of column "${name}": they are not given back.`),
  ]
}

async function volatileFunctions(session: Session, names: readonly string[]): Promise<readonly string[]> {
  if (names.length === 0) return []
  const { rows } = await session.query<{ name: string }>(sql`
    select distinct p.proname::text as name
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    where p.proname = any (${[...names]}) and p.provolatile = 'v' and n.nspname not in ('pg_catalog', 'information_schema')
    order by 1`)
  return rows.map(({ name }) => name)
}

async function sequenceDefaults(session: Session, { kind, node }: CheckedStatement): Promise<readonly string[]> {
  const target = node['relation'] as { relname?: string; schemaname?: string } | undefined
  if (kind !== 'InsertStmt' || target?.relname === undefined) return []
  const { relname, schemaname = null } = target
  const { rows } = await session.query<{ name: string }>(sql`
    select a.attname::text as name
    from pg_attribute a
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = to_regclass(case when ${schemaname}::text is null then quote_ident(${relname})
        else quote_ident(${schemaname}) || '.' || quote_ident(${relname}) end)
      and a.attnum > 0 and not a.attisdropped
      and (a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) like 'nextval(%')
    order by a.attnum`)
  return rows.map(({ name }) => name)
}
