// Drops what a copied table left behind: the table that was converted, told by its oid, and no other.

import { systemClock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import { systemRandom } from '../../base/random.ts'
import { buildLadder, climb } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { PartitionedTable } from '../options.ts'
import type { ConversionNames } from './bound/item.ts'
import { readTableOid } from './read-table.ts'
import { findConversion, noteOldDropped } from './record.ts'
import { underLock, type ConversionTools } from './work.ts'

export async function dropOld(
  tools: ConversionTools,
  table: Pick<PartitionedTable, 'schema' | 'table'>,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<ConversionNames> {
  const found = await findConversion(tools.db, table)
  if (found === undefined || found.state !== 'done' || found.method !== 'copy' || found.oldDroppedAt !== null) {
    throw new StrataError('CONVERT_STATE', {
      message: `There is no old table of ${quoteQualified(table.schema, table.table)} to drop`,
      expected: 'a full conversion that is done',
    })
  }
  const { schema, retired } = found.names
  const { clock = systemClock, random = systemRandom } = tools
  await underLock(tools, { oid: found.facts.oid, ...options }, async ({ session }) => {
    if ((await readTableOid(session, { schema, table: retired })) !== found.facts.oid) {
      throw new StrataError('CONVERT_STATE', {
        message: `${quoteQualified(schema, retired)} is not the table that was converted; it is left alone`,
      })
    }
    await climb({ session, ladder: buildLadder(tools.ladder), clock, random, signal: options.signal }, async (ms) => {
      await session.query(sql.raw(`begin; set local lock_timeout = '${ms}ms'`))
      await session.query(sql`drop table ${sql.ident(schema, retired)}`)
      await noteOldDropped(session, found.id)
      await session.query(sql`commit`)
    })
  })
  return found.names
}
