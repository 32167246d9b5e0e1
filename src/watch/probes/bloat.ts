// What tables and B-trees take beyond what their rows need: an estimate, for which no page of them is read. Of tables that were never
// analysed, and of columns the role may not read, nothing is known.

import { bloatedIndexes, bloatedTables, type BloatScope } from '../../catalog/bloat.ts'
import { sql } from '../../sql/sql.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

const most = 20
/** Below that nobody rewrites anything. */
const leastBytes = 1024 * 1024
const byRelation = { labels: ['kind', 'schema', 'name'], most: 2 * most }

export const bloatProbe: ServerProbe = {
  name: 'bloat',
  question: 'Which tables and indexes take more than their rows need?',
  everyMs: 3_600_000,
  limitMs: 10_000,
  of: 'primary',
  metrics: [
    gauge('pgstrata_bloat_bytes', 'Bytes beyond what rows need, estimated.', byRelation),
    gauge('pgstrata_bloat_ratio', 'The same as a share of the table or index.', byRelation),
  ],
  unavailable: available,
  read: async ({ on }) => {
    const { rows } = await on.query<{ kind: string; schema: string; name: string; bytes: number; wasted: number }>(
      statement,
    )
    return {
      points: rows.flatMap(({ kind, schema, name, bytes, wasted }) => [
        { metric: 'pgstrata_bloat_bytes', labels: [kind, schema, name], value: wasted },
        { metric: 'pgstrata_bloat_ratio', labels: [kind, schema, name], value: wasted / bytes },
      ]),
    }
  },
}

const scope: BloatScope = {
  where: sql`n.nspname !~ '^pg_'
        and n.nspname not in ('information_schema', 'pgstrata')
        and c.relpersistence <> 't'`,
  leastSizeBytes: leastBytes,
  leastWastedBytes: leastBytes,
}

const statement = sql`
  (select 'table' as kind, schema, name, "sizeBytes" as bytes, "wastedBytes" as wasted from (${bloatedTables(scope)}) as t limit ${most})
  union all
  (select 'index', schema, name, "sizeBytes", "wastedBytes" from (${bloatedIndexes(scope)}) as i limit ${most})`
