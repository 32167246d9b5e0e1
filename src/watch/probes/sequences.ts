// How much of each sequence is used up, by the type of the column that it feeds where that holds less than the sequence.

import { sql } from '../../sql/sql.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

const most = 20

export const sequencesProbe: ServerProbe = {
  name: 'sequences',
  question: 'Which sequences are nearly used up?',
  everyMs: 15 * 60_000,
  limitMs: 2_000,
  of: 'primary',
  metrics: [
    gauge(
      'pgstrata_sequence_used_ratio',
      'Share of the numbers of a sequence, or of the type of its column, that is used.',
      {
        labels: ['schema', 'sequence'],
        most,
      },
    ),
  ],
  unavailable: available,
  // Functions take the oid of pg_sequence: that of pg_class would be tried on other relations first. One that runs downwards, or round and round, is not looked at: it does not end as others do.
  read: async ({ on }) => {
    const { rows } = await on.query<{ schema: string; sequence: string; used: number }>(sql`
      select n.nspname as schema, c.relname as sequence,
        pg_sequence_last_value(s.seqrelid)::float8 / least(s.seqmax, case a.atttypid
          when 'int2'::regtype then 32767
          when 'int4'::regtype then 2147483647
          else 9223372036854775807 end)::float8 as used
      from pg_sequence s
      join pg_class c on c.oid = s.seqrelid
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_depend d on d.objid = c.oid and d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
        and d.refobjsubid > 0 and d.deptype in ('a', 'i')
      left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where s.seqincrement > 0
        and not s.seqcycle
        and c.relpersistence <> 't'
        and n.nspname <> 'pgstrata'
        and has_sequence_privilege(s.seqrelid, 'usage, select')
        and pg_sequence_last_value(s.seqrelid) > 0
      order by used desc, 1, 2
      limit ${most}`)
    return {
      points: rows.map(({ schema, sequence, used }) => ({
        metric: 'pgstrata_sequence_used_ratio',
        labels: [schema, sequence],
        value: used,
      })),
    }
  },
}
