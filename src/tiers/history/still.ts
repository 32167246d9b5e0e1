// The first statements of a step that was made from what is packed: it is carried out only if that is so still.
//
// I1. A pack that came to be read between the plan and its step would be missing from readers that the step makes. Behind this lock
// none comes until the step is over: every mover writes the row of its partition before it replaces a reader. A step that comes too
// late fails as one that somebody else has done, and is planned anew.

import { quoteLiteral } from '../../sql/quote.ts'
import type { TierObjects } from './objects.ts'

export function requireSamePacks({ number, packs }: Pick<TierObjects, 'number' | 'packs'>): readonly string[] {
  const ids = packs.map(({ id }) => id).toSorted((left, right) => (left < right ? -1 : 1))
  const isSame = `(
    select coalesce(pg_catalog.array_agg(p.pack order by p.pack), '{}')
    from pgstrata.tier_partition as p
    where p.tier_table = ${number}
      and p.pack is not null
  ) = '{${ids.join(',')}}'::bigint[]`
  return unlessMoved(isSame, 'a partition was packed or unpacked since this was planned')
}

/** For what has no reader any more behind the step. */
export function requireAllHot(number: number): readonly string[] {
  const isSame = `not exists (
    select
    from pgstrata.tier_partition as p
    where p.tier_table = ${number}
      and p.state <> 'hot'
  )`
  return unlessMoved(isSame, 'a partition is packed, slim or cold, or on the way, since this was planned')
}

function unlessMoved(isSame: string, message: string): readonly string[] {
  return [
    'lock table pgstrata.tier_partition in share row exclusive mode',
    `do $pgstrata$
begin
  if ${isSame} then
    return;
  end if;
  raise exception using errcode = 'invalid_object_definition', message = ${quoteLiteral(message)}, hint = 'Run apply again.';
end
$pgstrata$`,
  ]
}
