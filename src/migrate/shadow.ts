// What pending migrations would lock, seen on a real server of the same version: the live schema is rebuilt in an
// embedded scratch cluster, the migrations run there, and after each statement the locks its session holds are read.
// Nothing runs on the live database but reads.
//
// What a shadow cannot show: durations (its tables are empty), and locks of statements outside a transaction, which
// are gone when they end; for those the manual's table is used, and the report says so.

import type { Logger } from '../base/logger.ts'
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { messageOf, StrataError } from '../base/errors.ts'
import { ensureInstalled } from '../catalog/install.ts'
import { readSchema, restoreSchema } from '../catalog/dump/index.ts'
import type { Db, Session } from '../db/db.ts'
import { openScratch } from '../embedded/index.ts'
import {
  combineEffects,
  cutBlocks,
  describeEffect,
  insideRefused,
  type LadderOptions,
  type Cost,
  type TableLock,
} from '../plan/index.ts'
import type { ParsedStatement } from '../sql/parse.ts'
import { sql } from '../sql/sql.ts'
import { sqlstateOf } from '../sql/sqlstate.ts'
import { placeStatements, readBody } from './files.ts'
import type { PlannedMigration } from './plan.ts'
import { runMigration } from './run-migration.ts'
import { scratchTools } from './scratch-tools.ts'

export interface ShadowOptions {
  readonly db: Db
  readonly serverMajor: 15 | 16 | 17 | 18
  readonly planned: readonly PlannedMigration[]
  readonly ladder: LadderOptions
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Where to look for the binaries of the embedded cluster. */
  readonly from: string
}

export interface ShadowStatement {
  readonly migration: string
  readonly line: number
  readonly text: string
  readonly transaction: 'inside' | 'outside'
  /** Locks on tables that exist before the migration. */
  readonly locks: readonly TableLock[]
  readonly cost: Cost
  /** Seen on the shadow server, or taken from the manual. */
  readonly source: 'seen' | 'manual'
}

export interface ShadowReport {
  readonly statements: readonly ShadowStatement[]
  /** Objects of the live schema that could not be rebuilt (an extension that is missing here, say). */
  readonly notRebuilt: readonly string[]
  /** Migrations in code run as they are and report nothing statement by statement. */
  readonly opaque: readonly string[]
}

export async function runShadow(options: ShadowOptions): Promise<ShadowReport> {
  const scratch = await openScratch({ version: options.serverMajor, from: options.from, logger: options.logger })
  try {
    const objects = await readSchema(options.db)
    return await scratch.db.withSession(async (session) => {
      const restored = await restoreSchema(session, objects)
      await ensureInstalled(session)
      const statements: ShadowStatement[] = []
      const opaque: string[] = []
      for (const planned of options.planned) {
        const body = await readBody(planned.file)
        if (body.kind === 'code') {
          opaque.push(planned.file.file)
          await runMigration(session, { ...planned, unfinished: undefined }, scratchTools(scratch.db, options))
        } else statements.push(...(await shadowMigration(session, planned, body.up)))
      }
      return {
        statements,
        notRebuilt: restored.skipped.map(({ object, reason }) => `${object.identity} (${reason})`),
        opaque,
      }
    })
  } finally {
    await scratch.close()
  }
}

async function shadowMigration(
  session: Session,
  planned: PlannedMigration,
  all: readonly ParsedStatement[],
): Promise<ShadowStatement[]> {
  const { file, unfinished } = planned
  const before = await tableOids(session)
  const seen: ShadowStatement[] = []
  for (const block of cutBlocks(await placeStatements(all, file.file), unfinished?.statementsDone ?? 0)) {
    if (block.kind === 'outside') {
      await execute(session, block.statement, file.file)
      const effect = describeEffect(block.statement)
      seen.push({ ...describe(file.file, block.statement), transaction: 'outside', ...effect, source: 'manual' })
      continue
    }
    await session.query(sql`begin`)
    const held = new Map<string, Set<string>>()
    for (const statement of block.statements) {
      const filesBefore = await tableFiles(session)
      if (!(await executeInside(session, statement, file.file))) {
        const effect = describeEffect(statement)
        seen.push({ ...describe(file.file, statement), transaction: 'outside', ...effect, source: 'manual' })
        continue
      }
      const locks = await newLocks(session, before, held)
      const rewritten = rewrites(filesBefore, await tableFiles(session), before)
      const cost = rewritten ? 'rewrite' : withoutRewrite(describeEffect(statement).cost)
      seen.push({ ...describe(file.file, statement), transaction: 'inside', locks, cost, source: 'seen' })
    }
    await session.query(sql`commit`)
  }
  return seen
}

function describe(migration: string, statement: ParsedStatement): Pick<ShadowStatement, 'migration' | 'line' | 'text'> {
  return { migration, line: statement.line, text: statement.text }
}

/** False: the server wants it outside a transaction (a CALL that commits), and there it was run; a new one is open. */
async function executeInside(session: Session, statement: ParsedStatement, file: string): Promise<boolean> {
  await session.query(sql`savepoint shadow`)
  try {
    await session.query(sql.raw(statement.text))
    await session.query(sql`release savepoint shadow`)
    return true
  } catch (error) {
    if (!insideRefused.has(sqlstateOf(error) ?? '')) throw failsHere(error, statement, file)
    await session.query(sql.raw('rollback to savepoint shadow; commit'))
    await execute(session, statement, file)
    await session.query(sql`begin`)
    return false
  }
}

async function execute(session: Session, statement: ParsedStatement, file: string): Promise<void> {
  try {
    await session.query(sql.raw(statement.text))
  } catch (error) {
    throw failsHere(error, statement, file)
  }
}

function failsHere(error: unknown, statement: ParsedStatement, file: string): StrataError {
  return new StrataError('MIGRATION_FAILED', {
    message: `${file}:${statement.line} fails on the shadow of the live schema: ${messageOf(error)}`,
    notes: [statement.text.split('\n')[0] ?? ''],
    cause: error,
  })
}

/** A table that the shadow did not give a new file is not rewritten, whatever the manual's worst case is. */
function withoutRewrite(cost: Cost): Cost {
  return cost === 'rewrite' ? 'catalog' : cost
}

async function tableOids(session: Session): Promise<ReadonlySet<string>> {
  const { rows } = await session.query<{ oid: string }>(sql`
    select oid::text
    from pg_class
    where relkind in ('r', 'p', 'm')
      and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pgstrata'::regnamespace)`)
  return new Set(rows.map((row) => row.oid))
}

async function tableFiles(session: Session): Promise<ReadonlyMap<string, string>> {
  const { rows } = await session.query<{ oid: string; file: string }>(
    sql`select oid::text, relfilenode::text as file from pg_class where relkind in ('r', 'm')`,
  )
  return new Map(rows.map((row) => [row.oid, row.file]))
}

function rewrites(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  existing: ReadonlySet<string>,
): boolean {
  return [...before].some(([oid, file]) => existing.has(oid) && after.has(oid) && after.get(oid) !== file)
}

/** The strongest lock this statement added to those its transaction holds, on tables that were there before the migration. */
async function newLocks(
  session: Session,
  before: ReadonlySet<string>,
  held: Map<string, Set<string>>,
): Promise<readonly TableLock[]> {
  const { rows } = await session.query<{ oid: string; on: string; mode: string }>(sql`
    select l.relation::text as oid, l.relation::regclass::text as "on", l.mode
    from pg_locks l
    where l.pid = pg_backend_pid()
      and l.locktype = 'relation'
      and l.database = (select oid from pg_database where datname = current_database())
    order by 2, 3`)
  const locks = rows.flatMap((row): TableLock[] => {
    const modes = held.get(row.oid) ?? new Set()
    held.set(row.oid, modes)
    if (modes.has(row.mode) || !before.has(row.oid)) return []
    modes.add(row.mode)
    return [{ on: row.on, mode: spellMode(row.mode) }]
  })
  return combineEffects([{ locks, cost: 'catalog' }]).locks
}

/** pg_locks writes AccessExclusiveLock, the manual ACCESS EXCLUSIVE. */
function spellMode(mode: string): TableLock['mode'] {
  return mode
    .replace(/Lock$/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase() as TableLock['mode']
}
