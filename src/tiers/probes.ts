// What `doctor` asks of tiers and archives: whether moves go on, who does not see what has moved, and whether what is in the archive
// can be relied on.

import type { Probe, ProbeResult } from '../base/probe.ts'
import { plural } from '../base/units.ts'
import type { Db, Queryable } from '../db/db.ts'
import { guarded } from '../db/probes.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import type { ArchiveSettings } from './archive-settings.ts'
import { readerNames } from './model/objects.ts'
import type { TieredTable } from './model/options.ts'
import { readTierStatus, type TableTierStatus } from './status.ts'
import { openStore } from './store/open.ts'

export interface TierProbeOptions {
  readonly db: Db
  readonly tables: readonly TieredTable[]
  readonly archive: ArchiveSettings | undefined
}

export function tierProbes({ db, tables, archive }: TierProbeOptions): readonly Probe[] {
  const packed = tables.filter(({ warm }) => warm?.strength === 'packed')
  return [
    ...(tables.length === 0
      ? []
      : [{ name: 'tiers', run: guarded(async () => judge(await readTierStatus(db, tables))) }]),
    ...(packed.length === 0 ? [] : [{ name: 'readers', run: guarded(() => askReaders(db, packed)) }]),
    ...(archive === undefined ? [] : [{ name: 'archive', run: guarded(() => askArchive(db, archive)) }]),
  ]
}

function judge(statuses: readonly TableTierStatus[]): ProbeResult {
  const found = statuses.flatMap(({ key, findings }) => findings.map((finding) => ({ key, ...finding })))
  const grave = found.find(({ gravity }) => gravity === 'fail') ?? found.find(({ gravity }) => gravity === 'warn')
  const moved = statuses.flatMap(({ partitions }) => partitions).filter(({ tier }) => tier !== 'hot').length
  const all = `${plural(statuses.length, 'table')}, ${plural(moved, 'partition')} moved`
  if (grave === undefined) return { verdict: 'ok', found: all }
  const more = found.filter(({ gravity }) => gravity !== 'note').length - 1
  const others = more === 0 ? '' : ` (and ${more} more)`
  return {
    verdict: grave.gravity === 'fail' ? 'fail' : 'warn',
    found: `${grave.key}: ${grave.what}${others}`,
    fix: `${grave.advice} (\`pgstrata tier status\`)`,
  }
}

/** Views of anybody that read a table and nothing of its history. */
async function askReaders(db: Db, tables: readonly TieredTable[]): Promise<ProbeResult> {
  const blind: string[] = []
  for (const { partitioned } of tables) {
    const history = readerNames(partitioned).history
    const names = await readBlindViews(db, { ...partitioned, history })
    blind.push(...names.map((name) => `${name} reads ${partitioned.table} and not ${history}`))
  }
  if (blind.length === 0) return { verdict: 'ok', found: 'no view reads a table without its packed rows' }
  return {
    verdict: 'warn',
    found: blind.join('; '),
    fix: 'Let it read the history, which has packed rows as well; a view that is only about new rows may stay as it is.',
  }
}

async function readBlindViews(
  on: Queryable,
  { schema, table, history }: { readonly schema: string; readonly table: string; readonly history: string },
): Promise<readonly string[]> {
  const { rows } = await on.query<{ name: string }>(sql`
    select distinct v.oid::regclass::text as name
    from pg_depend d
    join pg_rewrite r on r.oid = d.objid
    join pg_class v on v.oid = r.ev_class
    join pg_namespace n on n.oid = v.relnamespace
    where d.classid = 'pg_rewrite'::regclass
      and d.refclassid = 'pg_class'::regclass
      and d.refobjid = to_regclass(${quoteQualified(schema, table)})
      and n.nspname <> 'pgstrata'
      and not (n.nspname = ${schema} and v.relname = ${history})
      and not exists (
        select from pg_depend h
        where h.classid = 'pg_rewrite'::regclass
          and h.objid = r.oid
          and h.refclassid = 'pg_class'::regclass
          and h.refobjid = to_regclass(${quoteQualified(schema, history)})
      )
    order by 1`)
  return rows.map(({ name }) => name)
}

interface ArchiveCounts {
  readonly kept: number
  readonly lost: string | null
  readonly failed: string | null
}

async function askArchive(db: Db, { store: place }: ArchiveSettings): Promise<ProbeResult> {
  const store = openStore(place)
  try {
    // One answer is enough: who may not list, or is not there, says so before it.
    for await (const _ of store.list('')) break
  } finally {
    store.close()
  }
  const { kept, lost, failed } = await readArchiveCounts(db)
  const fix = 'Bring the file back from a copy or an older version of the store, then run `pgstrata archive verify`.'
  if (lost !== null) return { verdict: 'fail', found: `archive of ${lost} is lost`, fix }
  if (failed !== null) return { verdict: 'fail', found: failed, fix }
  return { verdict: 'ok', found: `${store.url}, ${plural(kept, 'archive')}` }
}

async function readArchiveCounts(db: Db): Promise<ArchiveCounts> {
  const none: ArchiveCounts = { kept: 0, lost: null, failed: null }
  const present = await db.query(sql`select where to_regclass('pgstrata.archive') is not null`)
  if (present.rows.length === 0) return none
  const { rows } = await db.query<ArchiveCounts>(sql`
    select count(*) filter (where state in ('verified', 'only copy'))::int4 as kept,
      min(partition_name) filter (where state = 'lost') as lost,
      min(partition_name || ': ' || check_failure) filter (where state in ('verified', 'only copy')) as failed
    from pgstrata.archive`)
  return rows[0] ?? none
}
