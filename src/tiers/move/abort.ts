// Takes a move back: what it made is removed, and the partition is at rest where it came from.
//
// What holds: readers find the partition as before, at every moment, for nothing of what is removed was read by anybody. Done twice,
// it does it once; a partition that somebody dropped meanwhile is no obstacle.

import { rm } from 'node:fs/promises'
import { joint } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'
import { setArchiveState } from '../archive/catalog.ts'
import { advance } from '../model/record.ts'
import { discardBuilt } from './anew.ts'
import { workFolder } from './archive.ts'
import { dropBarrier } from './barrier.ts'
import { restoreFolder } from './restore.ts'
import { inTransaction, type MoveRun } from './context.ts'
import { lockGuarded, readGuarded, unguard } from './guard.ts'

export async function abortStep(run: MoveRun): Promise<void> {
  const { archiving, record: before } = run
  // A cold partition is nowhere else than in its archive.
  const given = before.rest === 'cold' ? null : before.archive
  await inTransaction(run, {}, async (tx, lockTimeoutMs) => {
    const { record } = run
    const guarded = await readGuarded(tx, record)
    await lockGuarded(tx, run, { guarded, lockTimeoutMs })
    await tx.query(sql.raw(unguard(record, guarded).join(joint)))
    await discardBuilt(tx, run)
    await tx.query(sql`delete from pgstrata.tier_touch where tier_partition = ${record.id}::int8`)
    if (given !== null) await setArchiveState(tx, given, { from: ['exporting', 'verified', 'lost'], to: 'superseded' })
    // Of tries that began again; proven ones are kept until a younger one is.
    await tx.query(sql`
      update pgstrata.archive
      set state = 'superseded'
      where tier_partition = ${record.id}::int8
        and state = 'exporting'`)
    return await advance(tx, record, 'completed', given === null ? {} : { archive: null })
  })
  await dropBarrier(run.session, before.id)
  if (archiving === undefined) return
  for (const folder of [workFolder(archiving, before), restoreFolder(archiving, before)]) {
    await rm(folder, { recursive: true, force: true })
  }
}
