// The table of deltas after a large merge: it is empty, and as long as it was. Readers and merges go through its pages all the
// same (500 of them were half of a read of one key), until a vacuum gives them back.

import type { Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { deltaOf, membersDeltaOf } from '../model/names.ts'
import type { Shape } from '../model/shape.ts'
import { valuesMeasures } from '../model/values.ts'

/** 32 pages: what small merges leave behind is for autovacuum. */
const largeBytes = 256 * 1024

/** Waits for nobody; while an old snapshot needs what was merged it gains nothing. Whether there was anything to gain. */
export async function tidyDeltas(session: Session, { rollup }: Shape): Promise<boolean> {
  const deltas = [deltaOf(rollup), ...valuesMeasures(rollup).map((measure) => membersDeltaOf(rollup, measure))]
  const { rows } = await session.query<{ name: string }>(sql`
    select name
    from unnest(${deltas}::text[]) as delta (name)
    where pg_relation_size(to_regclass(name)) >= ${largeBytes}`)
  for (const { name } of rows) await session.query(sql.raw(`vacuum (skip_locked) ${name}`))
  return rows.length > 0
}
