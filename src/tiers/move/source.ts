// All rows of a partition, wherever they are: its own tables, what was taken out of its pack, and its pack.

import type { Queryable } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { packRows } from '../history/pack-rows.ts'
import { readObjects } from '../history/read-objects.ts'
import type { MoveRun } from './context.ts'
import { readGuarded, relationsOf } from './guard.ts'

/** What stands behind FROM, with the columns that the table has now. */
export async function readSource(on: Queryable, { record }: Pick<MoveRun, 'record'>): Promise<string> {
  const objects = await readObjects(on, record.tierTable)
  const list = objects.columns.map(({ name }) => quoteIdent(name)).join(', ')
  const own = objects.packs.find(({ id }) => id === record.pack)
  const parts = [
    ...relationsOf(await readGuarded(on, record)).map((relation) => `select ${list} from only ${relation}`),
    ...(own === undefined ? [] : [`select ${list} from (${packRows(objects, own)}) as packed`]),
  ]
  return `(${parts.join('\nunion all\n')}) as all_of_it`
}
