// In which tier each partition of a table is, what that saves, what happens to it next, and what somebody should see to. Reads
// only, in one transaction a table. A table that cannot be read, or is locked for longer than a second, is told, and hides none of
// the others.

import { StrataError } from '../base/errors.ts'
import { onlyRow, type Db, type Session } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { endsTheRun, publicMessage } from '../partitions/for-tiers.ts'
import { sql } from '../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { findTierFindings, type ServerNow, type TierFinding } from './findings.ts'
import type { TieredTable } from './model/options.ts'
import { readRefusals } from './model/refusals.ts'
import { findTierTable } from './model/tables.ts'
import { readPartitionTiers, type TierPartitionStatus } from './status-partitions.ts'

export interface TableTierStatus {
  readonly key: string
  readonly schema: string
  readonly table: string
  /** `declared`: not applied yet. `unknown`: it could not be read; a finding says why. */
  readonly state: 'declared' | 'applied' | 'paused' | 'unknown'
  /** Oldest first. */
  readonly partitions: readonly TierPartitionStatus[]
  readonly findings: readonly TierFinding[]
}

const mostLockMs = 1_000

/** Of one table, or of all that are declared. */
export async function readTierStatus(
  db: Db,
  tables: readonly TieredTable[],
  key?: string,
): Promise<readonly TableTierStatus[]> {
  const chosen = key === undefined ? tables : [findTiered(tables, key)]
  return await db.withSession(async (session) => {
    const statuses: TableTierStatus[] = []
    for (const table of chosen) {
      const read = transaction(session, (tx) => readOne(tx, table), {
        isolation: 'repeatable read',
        readOnly: true,
        lockTimeoutMs: mostLockMs,
        // Bounds are told as schema "pgstrata" keeps them.
        settings: { timezone: 'UTC' },
      })
      statuses.push(await read.catch((error: unknown) => unreadable(table, error)))
    }
    return statuses
  })
}

/** By its key, its name, or both parts of it. */
export function findTiered(tables: readonly TieredTable[], name: string): TieredTable {
  const isNamed = ({ partitioned: { key, schema, table } }: TieredTable): boolean =>
    [key, table, `${schema}.${table}`].includes(name)
  const found = tables.find(isNamed)
  if (found !== undefined) return found
  throw new StrataError('TABLE_UNKNOWN', {
    message: `No tiers are declared for table ${JSON.stringify(name)}`,
    expected:
      tables.length === 0
        ? 'a table with `warm` or `cold` under `tables`: none has them'
        : tables.map(({ partitioned }) => partitioned.key).join(', '),
  })
}

function unreadable(declared: TieredTable, error: unknown): TableTierStatus {
  if (sqlstateOf(error) === undefined || endsTheRun(error)) throw error
  const isLocked = sqlstateOf(error) === sqlstate.lockNotAvailable
  const finding: TierFinding = isLocked
    ? {
        gravity: 'warn',
        what: 'it is locked by somebody: its tiers cannot be seen now',
        advice: 'ask again; `pgstrata who` shows who holds the lock',
      }
    : {
        gravity: 'warn',
        what: `it cannot be read: ${publicMessage(error)}`,
        advice: 'ask as the owner of the table, or mend what the server says',
      }
  return { ...placeOf(declared), state: 'unknown', partitions: [], findings: [finding] }
}

function placeOf({ partitioned }: TieredTable): Pick<TableTierStatus, 'key' | 'schema' | 'table'> {
  const { key, schema, table } = partitioned
  return { key, schema, table }
}

async function readOne(tx: Session, declared: TieredTable): Promise<TableTierStatus> {
  const known = await findTierTable(tx, declared.partitioned)
  const refusals = await readRefusals(tx, declared)
  const partitions = await readPartitionTiers(tx, declared, known)
  const state = known === undefined ? 'declared' : known.paused ? 'paused' : 'applied'
  const now = await readServerNow(tx)
  return {
    ...placeOf(declared),
    state,
    partitions,
    findings: findTierFindings({ declared, state, partitions, refusals, now }),
  }
}

async function readServerNow(tx: Session): Promise<ServerNow> {
  return onlyRow(
    await tx.query<ServerNow>(sql`
      select current_setting('server_version_num')::int4 as "versionNum", clock_timestamp() as at`),
  )
}
