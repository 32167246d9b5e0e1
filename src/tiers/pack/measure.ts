// What each way to keep a column takes, found out by keeping some fifty segments that way: no model of a compression is as right as
// the compression of this server.

import { onlyRow, type Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { PackedColumn } from './column.ts'
import type { PackFacts } from './facts.ts'
import { createFrames, gathering, partsOf, segmentsTable } from './segments.ts'

const sampledSegments = 50
/** All of a trial are columns of one table, and have room in a page. */
const trialSize = 100

export interface Measured {
  readonly column: PackedColumn
  /** Of a segment, on average; of what is kept once for the pack, its share. */
  readonly bytes: number
}

/** In the order in which they were asked. */
export async function measure(
  tx: Session,
  facts: PackFacts,
  asked: readonly PackedColumn[],
): Promise<readonly Measured[]> {
  if (facts.segments === 0) return asked.map((column) => ({ column, bytes: 0 }))
  const measured: Measured[] = []
  for (let from = 0; from < asked.length; from += trialSize) {
    const columns = asked.slice(from, from + trialSize)
    const sizes = await tryOut(tx, { columns, segments: facts.segments, name: `pgstrata_trial_${from}` })
    columns.forEach((column, place) => {
      measured.push({ column, bytes: (sizes[place] ?? 0) + shareOfWords(facts, column) })
    })
  }
  return measured
}

interface Trial {
  readonly columns: readonly PackedColumn[]
  readonly segments: number
  readonly name: string
}

async function tryOut(tx: Session, { columns, segments, name }: Trial): Promise<readonly number[]> {
  const slotted = columns.map((column, slot) => ({ column, slot }))
  const parts = partsOf(slotted)
  const step = Math.ceil(segments / sampledSegments)
  const frames = `${name}_frames`
  await createFrames(tx, { name: frames, parts, condition: `g.segment % ${step} = ${step === 1 ? 0 : 1}` })
  const table = segmentsTable(parts, ['segment bigint', 'rows integer'])
  await tx.query(sql.raw(`create temp table ${name} ${table} on commit drop`))
  await tx.query(sql.raw(gathering({ frames, into: `pg_temp.${name}`, parts })))
  const sizes = slotted.map((one) => {
    const own = partsOf([one])
    const names = [...own.scalars, ...own.lists].map((part) => `coalesce(pg_column_size(${part.name}), 0)`)
    return `coalesce(avg(${['0', ...names].join(' + ')}), 0)::float8`
  })
  const found = onlyRow(
    await tx.query<{ sizes: readonly number[] }>(
      sql.raw(`select array[${sizes.join(', ')}] as sizes from pg_temp.${name}`),
    ),
  )
  return found.sizes
}

/** A row of the table of words and its entry in the index, beside the word itself. */
const bytesOfWord = 60

function shareOfWords({ columns, segments }: PackFacts, { codec, literal, attnum }: PackedColumn): number {
  const words = columns.find(({ column }) => column.attnum === attnum)?.words
  if (codec !== 'word' || literal !== undefined || words === undefined) return 0
  return (words.count * bytesOfWord + words.bytes) / segments
}
