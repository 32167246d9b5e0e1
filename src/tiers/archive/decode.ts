// One file of an archive back in the database: decoded, loaded, hashed. What a hash says, it says of the rows themselves.

import { rm } from 'node:fs/promises'
import type { Session } from '../../db/db.ts'
import { readContent } from '../content/content.ts'
import type { Content } from '../model/content.ts'
import type { Duck } from './duck.ts'
import { writeCsv } from './parquet.ts'
import { emptyScratch, fillScratch, scratch } from './scratch.ts'
import type { FileStats } from './stats.ts'
import { plain, type ArchivedColumn } from './types.ts'

export interface DecodeJob {
  readonly tx: Session
  readonly duck: Duck
  /** The file, on this machine. */
  readonly path: string
  readonly columns: readonly ArchivedColumn[]
  readonly stats: FileStats
}

/** Into the scratch table of the transaction, instead of what was there. */
async function decodeIntoScratch({ tx, duck, path, columns, stats }: DecodeJob): Promise<void> {
  const csv = `${path}.csv`
  try {
    await writeCsv(duck, { path, csv, columns, stats, isMarked: true })
    await emptyScratch(tx)
    await fillScratch(tx, csv, columns)
  } finally {
    await rm(csv, { force: true })
  }
}

/** Under the settings of content.ts, in a transaction that has the scratch table. */
export async function hashFile(job: DecodeJob): Promise<Content> {
  await decodeIntoScratch(job)
  return await readContent(job.tx, plain(job.columns), scratch)
}
