// Sorts and hashes that do not fit into work_mem, by what they write in an hour. What is proposed is worked out from the files
// themselves, and not from what work_mem is: asked again, it is the same, and never beyond what memory has for every connection.

import { totalmem } from 'node:os'
import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { hoursAtMost } from './tools/counting.ts'
import { defineCheck, gravityOf, type Draft } from './tools/define.ts'
import { countedSince } from './tools/relations.ts'
import { inSentences, settingSql } from './tools/settings.ts'
import { readStored, storedHours } from './tools/stored.ts'

interface Counted {
  readonly files: number
  readonly bytes: number
  readonly workMem: number
  readonly connections: number
  readonly buffersBytes: number
  readonly since: string | null
  readonly hours: number
}

const gigabyte = 1_024 ** 3
const megabyte = 1_024 ** 2

export const tempFiles: Check = defineCheck({
  name: 'temp-files',
  category: 'queries',
  of: 'each',
  question: 'Do statements write temporary files?',
  why: 'A sort or hash that goes through the disk takes several times as long, and takes the disk from others.',
  threshold: `warn from 1 GB, critical from 20 GB an hour, over the last ${storedHours} hours (stored by \`watch\`), else since the counters were reset, an hour at least`,
  mends:
    'raises work_mem to what the files would have needed, as far as a quarter of the memory has that for every connection',
  limits: { warn: gigabyte, critical: 20 * gigabyte, least: gigabyte, leastHours: 1 },
  find: async ({ on, facts, limits }) => {
    const row = onlyRow(
      await on.query<Counted>(sql`
        select d.temp_files::float8 as files, d.temp_bytes::float8 as bytes,
          (select reset_val::float8 * 1024 from pg_settings where name = 'work_mem') as "workMem",
          current_setting('max_connections')::float8 as connections,
          (select setting::float8 from pg_settings where name = 'shared_buffers') * current_setting('block_size')::float8 as "buffersBytes",
          ${countedSince} as since, ${hoursAtMost} as hours
        from pg_stat_database d
        where d.datname = current_database()`),
    )
    const stored = await readStored(on, facts.node, ['pgstrata_temp_bytes_total'])
    const hours = stored?.hours ?? row.hours
    const bytes = stored?.added('pgstrata_temp_bytes_total') ?? row.bytes
    const bytesPerHour = bytes / Math.max(hours, 1)
    const gravity =
      bytes < limits.least || hours < (limits.leastHours ?? 0) ? undefined : gravityOf(bytesPerHour, limits)
    if (gravity === undefined || row.files === 0) return []
    const meanBytes = row.bytes / row.files
    const memoryBytes = facts.isLocal ? totalmem() : row.buffersBytes * 4
    const { wanted, most } = workMemFor({ meanBytes, memoryBytes, connections: row.connections })
    const draft: Draft = {
      gravity,
      subject: 'work_mem',
      what: `${Math.round(bytesPerHour / megabyte).toLocaleString('en-US')} MB of temporary files are written in an hour`,
      evidence: {
        tempBytesPerHour: bytesPerHour,
        hours,
        files: row.files,
        meanFileBytes: meanBytes,
        workMemBytes: row.workMem,
        ceilingBytes: most,
        since: row.since,
      },
    }
    const one =
      'Each sort or hash of each session may take that much: where one report alone needs it, set it for its role or transaction only.'
    if (wanted <= row.workMem)
      return [
        {
          ...draft,
          advice: inSentences(
            row.workMem >= most
              ? 'work_mem is as large already as memory has it for every connection: find the statements (slow-statements has what each writes), and give them more or make them smaller.'
              : 'The mean file would fit into work_mem: a few statements write most. Find them (slow-statements has what each writes).',
            one,
          ),
        },
      ]
    const { fix, undo, hint } = await settingSql(on, { name: 'work_mem', value: `'${wanted / megabyte}MB'` })
    return [{ ...draft, fix, undo, advice: inSentences(hint, one) }]
  },
})

/** In memory rows take more than in a file. */
const memoryPerFile = 2.5
/** For what all connections may take at a time. */
const memoryShare = 0.25

/** In whole megabytes: what the mean file would have needed, and what is the most for every connection. */
export function workMemFor(given: {
  readonly meanBytes: number
  readonly memoryBytes: number
  readonly connections: number
}): { readonly wanted: number; readonly most: number } {
  const { meanBytes, memoryBytes, connections } = given
  const most = Math.floor((memoryBytes * memoryShare) / Math.max(1, connections) / megabyte) * megabyte
  const needed = Math.ceil((meanBytes * memoryPerFile) / megabyte) * megabyte
  return { wanted: Math.min(needed, most), most }
}
