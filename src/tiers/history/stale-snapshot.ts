// What a change of a row says where its snapshot is older than the packs that are read: the query has read what is there, and the
// function that makes the change looks for the row in a catalog that does not have it yet. It fails with 40001, to be run again.

import { quoteLiteral } from '../../sql/quote.ts'
import { placesOf, type TierObjects } from './objects.ts'

/**
 * Where nothing was found. A function as the server runs it, next to the same as the snapshot shows it: they differ where a swap lies
 * in between.
 */
export function requireSnapshot(objects: TierObjects): string {
  const moved = quoteLiteral(placesOf(objects).moved)
  return `if exists (
    select
    from pg_proc as p
    where p.oid = to_regprocedure(${moved})
      and strpos(pg_get_functiondef(p.oid), p.prosrc) = 0
  ) then
    ${failAnew(objects)}
  end if;`
}

export function failAnew(objects: TierObjects): string {
  const message = `could not find a row of ${placesOf(objects).history}: its partition was packed or unpacked meanwhile`
  return `raise exception using errcode = 'serialization_failure', message = ${quoteLiteral(message)}, hint = 'Run the transaction again.';`
}
