// Parts of a history in order of time: each has its pack, its archives, or neither, and no two of them share a moment. Rows are read
// part by part, so that nothing is sorted that is larger than one.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { LivePack, TierObjects } from '../history/objects.ts'
import type { ArchiveRecord } from '../archive/catalog.ts'
import type { Interval } from './asked.ts'

export interface Span extends Interval {
  readonly pack: LivePack | undefined
  readonly archive: ArchiveRecord | undefined
}

interface Moved {
  readonly packs: readonly LivePack[]
  readonly archives: readonly ArchiveRecord[]
}

interface Bounds {
  readonly lower: string
  readonly upper: string
}

interface Row {
  readonly number: number
  readonly since: string | null
  readonly until: string | null
}

/** What of these has a part of the interval, in order of time, with that part. */
async function readMoved(
  on: Queryable,
  { axis }: Pick<TierObjects, 'axis'>,
  { since = null, until = null, bounds }: Interval & { readonly bounds: readonly Bounds[] },
): Promise<readonly Row[]> {
  const type = sql.raw(axis.type)
  const { rows } = await on.query<Row>(sql`
    with part as (
      select b.number::int4 as number,
        greatest(case when b.lower <> 'MINVALUE' then b.lower::${type} end, ${since}::${type}) as since,
        least(case when b.upper <> 'MAXVALUE' then b.upper::${type} end, ${until}::${type}) as until
      from unnest(${bounds.map(({ lower }) => lower)}::text[], ${bounds.map(({ upper }) => upper)}::text[])
        with ordinality as b (lower, upper, number)
    )
    select number - 1 as number, since::text as since, until::text as until
    from part
    where since is null
      or until is null
      or since < until
    order by part.since nulls first`)
  return rows
}

/** All of the interval, with what lies between what was moved. */
export async function readSpans(
  on: Queryable,
  objects: TierObjects,
  { packs, archives, ...interval }: Moved & Interval,
): Promise<readonly Span[]> {
  const all = [
    ...packs.map((pack) => ({ bounds: pack, pack, archive: undefined })),
    ...archives.map((archive) => ({ bounds: archive, pack: undefined, archive })),
  ]
  const bounds = [...all.map((one) => one.bounds), { lower: 'MINVALUE', upper: 'MAXVALUE' }]
  const rows = await readMoved(on, objects, { ...interval, bounds })
  const whole = rows.find(({ number }) => number === all.length)
  if (whole === undefined) return []
  const spans: Span[] = []
  const add = (since: string | null, until: string | null, own: Partial<Span> = {}): void => {
    spans.push({ pack: undefined, archive: undefined, ...own, since: since ?? undefined, until: until ?? undefined })
  }
  let reached = whole.since
  let isOver = false
  for (const { number, since, until } of rows) {
    const own = all[number]
    if (own === undefined) continue
    if (since !== reached) add(reached, since)
    add(since, until, { pack: own.pack, archive: own.archive })
    reached = until
    isOver = until === whole.until
  }
  if (!isOver) add(reached, whole.until)
  return spans
}
