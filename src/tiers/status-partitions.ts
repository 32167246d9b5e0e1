// The partitions of a table as its status tells them: those that are there, joined with what is known of their tiers, and those of
// which only the archive is left.

import type { Session } from '../db/db.ts'
import { readDue, readParent, type LivePartition } from '../partitions/for-tiers.ts'
import type { Rule, TieredTable } from './model/options.ts'
import { readTierPartitions, type TierPartition } from './model/record.ts'
import { isResting, type Move, type Rest, type State } from './model/states.ts'
import type { TierTable } from './model/tables.ts'
import {
  readArchiveFacts,
  readMoments,
  readPackFacts,
  readPartitionSizes,
  type ArchiveFacts,
  type PackFacts,
  type PartitionSize,
} from './status-queries.ts'

export interface NextMove {
  readonly move: Move
  /** Null: with the next run of the job. */
  readonly on: Date | null
}

export interface TierPartitionStatus {
  readonly schema: string
  readonly name: string
  /** As SQL writes them, without quotes. */
  readonly lower: string
  readonly upper: string
  /** The one that it is in, or is on its way from. */
  readonly tier: Rest
  readonly state: State
  /** Of one that was never moved the server's estimate; null where it was never analysed. */
  readonly rows: number | null
  /** What it took before its first move; null: it was never moved. */
  readonly hotBytes: number | null
  /** All that it takes in this database. */
  readonly sizeBytes: number
  /** Of that, rows that were changed since they were packed. */
  readonly looseBytes: number
  /** Of its archive; null: it has none. */
  readonly archiveBytes: number | null
  /** Null: it is not packed. */
  readonly segments: number | null
  /** Less than what is declared where keys have too few rows to be worth a segment each; null: it is not packed. */
  readonly segmentBy: readonly string[] | null
  /** A person brought it back: policies leave it alone. */
  readonly held: boolean
  /** Null: nothing that can be told. */
  readonly next: NextMove | null
  readonly failures: number
  readonly failure: string | null
  /** It is left alone until then. */
  readonly notBefore: Date | null
  readonly movedAt: Date | null
  /** Of its last step; null: nothing was done to it yet. */
  readonly updatedAt: Date | null
}

interface Facts {
  readonly sizes: ReadonlyMap<number, PartitionSize>
  readonly packs: ReadonlyMap<string, PackFacts>
  readonly archives: ReadonlyMap<string, ArchiveFacts>
}

/** By oid: null where a rule is over, else the moment at which it will be. What cannot be told is not in it. */
type DueDates = ReadonlyMap<number, Date | null>

/** Oldest first; those that are cold before the others. `known`: undefined where nothing is applied yet. */
export async function readPartitionTiers(
  tx: Session,
  declared: TieredTable,
  known: TierTable | undefined,
): Promise<readonly TierPartitionStatus[]> {
  const { partitioned, warm, cold } = declared
  const everything = await readDue(tx, partitioned, { keep: { count: 1 }, at: undefined })
  const live = everything.filter(({ isDefault }) => !isDefault)
  const dates = { warm: await readDates(tx, declared, warm?.due), cold: await readDates(tx, declared, cold?.due) }
  const records = known === undefined ? [] : await readTierPartitions(tx, known.id)
  const sizes = await readPartitionSizes(
    tx,
    live.map(({ oid }) => oid),
  )
  const facts: Facts = {
    sizes,
    packs: known === undefined ? new Map() : await readPackFacts(tx, known),
    archives: known === undefined ? new Map() : await readArchiveFacts(tx, known),
  }
  return [
    ...records
      .filter(({ oid }) => oid === null)
      .map((record) => describeKnown(record, facts, nextOf(declared, record))),
    ...live.map((one) => {
      const record = records.find(({ oid }) => oid === one.oid)
      // An empty one is not packed: nothing would be saved.
      const isEmpty = sizes.get(one.oid)?.isEmpty === true
      const own = { warm: isEmpty ? undefined : dates.warm.get(one.oid), cold: dates.cold.get(one.oid) }
      const next = nextOf(declared, record, one.ahead ? {} : own)
      return record === undefined ? describeNew(one, facts, next) : describeKnown(record, facts, next)
    }),
  ]
}

async function readDates(tx: Session, { partitioned }: TieredTable, rule: Rule | undefined): Promise<DueDates> {
  if (rule === undefined) return new Map()
  const live = (await readDue(tx, partitioned, { keep: rule, at: undefined })).filter(({ isDefault }) => !isDefault)
  const over = live.filter(({ due }) => due).map(({ oid }) => [oid, null] as const)
  if (!('age' in rule) || partitioned.layout.kind !== 'time') return new Map(over)
  const parent = await readParent(tx, partitioned)
  const moments = await readMoments(tx, {
    type: parent?.columnType ?? '',
    zone: partitioned.layout.zone,
    age: rule.age,
    uppers: live.map(({ upper }) => upper ?? 'MAXVALUE'),
  })
  const coming = live.flatMap(({ oid }, index) => {
    const moment = moments[index] ?? null
    return moment === null ? [] : [[oid, moment] as const]
  })
  return new Map<number, Date | null>([...coming, ...over])
}

/** Pure. `dates`: of the rules, where they can be told. */
function nextOf(
  { warm, cold }: TieredTable,
  record: TierPartition | undefined,
  dates: { readonly warm?: Date | null | undefined; readonly cold?: Date | null | undefined } = {},
): NextMove | null {
  const state = record?.state ?? 'hot'
  if (record?.request != null && record.requestBy === 'person') return { move: record.request, on: null }
  if (state === 'archived') return cold === undefined ? null : { move: 'drop', on: momentOf(record?.dropAfter) }
  if (!isResting(state) || state === 'cold' || record?.held === true) return null
  const packs = warm?.strength === 'packed'
  const mayWarm = warm !== undefined && (state === 'hot' || (state === 'slim' && packs))
  const coming = [
    ...(mayWarm && dates.warm !== undefined
      ? [{ move: packs ? ('pack' as const) : ('slim' as const), on: dates.warm }]
      : []),
    ...(dates.cold === undefined ? [] : [{ move: 'archive' as const, on: dates.cold }]),
  ]
  // Where both are over, a partition goes to the archive as it is.
  const over = coming.findLast(({ on }) => on === null)
  return over ?? coming.toSorted((left, right) => Number(left.on) - Number(right.on))[0] ?? null
}

function describeNew(one: LivePartition, { sizes }: Facts, next: NextMove | null): TierPartitionStatus {
  const { schema, name, lower, upper, oid } = one
  const size = sizes.get(oid)
  return {
    schema,
    name,
    lower: lower ?? 'MINVALUE',
    upper: upper ?? 'MAXVALUE',
    tier: 'hot',
    state: 'hot',
    rows: size?.rows ?? null,
    hotBytes: null,
    sizeBytes: size?.sizeBytes ?? 0,
    looseBytes: 0,
    archiveBytes: null,
    segments: null,
    segmentBy: null,
    held: false,
    next,
    failures: 0,
    failure: null,
    notBefore: null,
    movedAt: null,
    updatedAt: null,
  }
}

function describeKnown(
  record: TierPartition,
  { sizes, packs, archives }: Facts,
  next: NextMove | null,
): TierPartitionStatus {
  const { schema, name, lower, upper, state, rest, content, heapBytes, held, failures, failure } = record
  const size = record.oid === null ? undefined : sizes.get(record.oid)
  const pack = record.pack === null ? undefined : packs.get(String(record.pack))
  const archive = record.archive === null ? undefined : archives.get(String(record.archive))
  const isHot = rest === 'hot' && state !== 'cold'
  return {
    schema,
    name,
    lower,
    upper,
    tier: rest,
    state,
    rows: isHot || content === null ? (size?.rows ?? null) : Number(content.rows),
    hotBytes: heapBytes,
    sizeBytes: (size?.sizeBytes ?? 0) + (pack?.sizeBytes ?? 0) + (pack?.looseTotalBytes ?? 0),
    looseBytes: pack?.looseBytes ?? 0,
    archiveBytes: archive?.bytes ?? null,
    segments: pack?.segments ?? null,
    segmentBy: pack?.segmentBy ?? null,
    held,
    next,
    failures,
    failure: failure ?? archive?.checkFailure ?? null,
    notBefore: momentOf(record.notBefore),
    movedAt: momentOf(record.movedAt),
    updatedAt: momentOf(record.updatedAt),
  }
}

function momentOf(text: string | null | undefined): Date | null {
  return text == null ? null : new Date(text)
}
