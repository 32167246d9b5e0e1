// What retention does to one table next, from what it looks like: pure.
//
// What holds of the plan: a partition is taken out only if it is due, and nobody attached it again after it had been taken
// out once; it is dropped only if it was noted, is still the table that was taken out (the same oid under the same name,
// nobody's partition), its grace is over and, where there is an archive hook, that hook has resolved. Oldest first. What is
// taken out holds all of its rows, so that a hook, or whoever attaches it again, finds them: what is packed is unpacked first, and
// what is on its way to another tier is left until it is there.

import type { LivePartition, RetiredRecord, RetirementState } from './retire-queries.ts'
import type { Retention } from './options.ts'

export type RetirementStep =
  /** Half detached by an earlier run. */
  | { readonly kind: 'finalize'; readonly record: RetiredRecord }
  | { readonly kind: 'detach'; readonly partition: LivePartition; readonly concurrently: boolean }
  /** Its rows are not in its table: it is taken out when they are. */
  | { readonly kind: 'unpack'; readonly partition: LivePartition }
  /** An earlier run was lost between taking it out and noting that. */
  | { readonly kind: 'note-detached'; readonly record: RetiredRecord }
  | { readonly kind: 'archive'; readonly record: RetiredRecord }
  | { readonly kind: 'drop'; readonly record: RetiredRecord }
  | { readonly kind: 'keep'; readonly record: RetiredRecord }
  /** Noted and never begun; it is not due any more. */
  | { readonly kind: 'forget'; readonly record: RetiredRecord }
  /** Somebody else has it now. */
  | { readonly kind: 'release'; readonly record: RetiredRecord; readonly why: string }

export interface RetirementPlan {
  readonly steps: readonly RetirementStep[]
  readonly warnings: readonly string[]
  /** Due, and left for the next run. */
  readonly left: number
}

/** Each detach waits for every transaction that uses the table: a run must come to an end. */
export const mostDetached = 100

export function planRetirement(state: RetirementState, retain: Retention): RetirementPlan {
  const { partitions, records } = state
  const open = records.filter((record) => !record.finished)
  const settled = open.flatMap((record): RetirementStep[] => {
    const step = planRecord(record, partitions, retain)
    return step === undefined ? [] : [step]
  })
  const ours = new Set(open.filter(({ state: at }) => at === 'detaching').map(({ oid }) => oid))
  const foreign = partitions.filter((partition) => partition.pending && !ours.has(partition.oid))
  const released = new Set(records.filter((record) => record.state === 'released').map((record) => record.oid))
  // Without CONCURRENTLY because a default partition forbids it: PostgreSQL 18, ALTER TABLE.
  const concurrently = !partitions.some((partition) => partition.isDefault)
  const blocked = foreign.length > 0 && concurrently
  const taken = new Set(
    settled.flatMap((step) => ('record' in step && step.kind === 'release' ? [step.record.oid] : [])),
  )
  const due = partitions.filter(
    (partition) => partition.due && !released.has(partition.oid) && !taken.has(partition.oid),
  )
  const whole = due.filter(({ tier }) => tier === 'hot' || tier === 'slim')
  const now = blocked ? [] : whole.slice(0, mostDetached)
  return {
    steps: [
      ...settled,
      ...due
        .filter(({ tier }) => tier === 'packed')
        .map((partition): RetirementStep => ({ kind: 'unpack', partition })),
      ...now.map((partition): RetirementStep => ({ kind: 'detach', partition, concurrently })),
    ],
    warnings: [
      ...(blocked ? foreign.map(describeForeign) : []),
      ...due
        .filter(({ tier }) => tier === 'moving')
        .map(({ name }) => `${name} is moved to another tier, and is left until it is there`),
    ],
    left: whole.length - now.length,
  }
}

function planRecord(
  record: RetiredRecord,
  partitions: readonly LivePartition[],
  retain: Retention,
): RetirementStep | undefined {
  switch (record.whereabouts) {
    case 'gone':
      return { kind: 'release', record, why: 'somebody dropped it' }
    case 'renamed':
      return { kind: 'release', record, why: 'somebody renamed or moved it' }
    case 'elsewhere':
      return { kind: 'release', record, why: 'somebody attached it to another table' }
    case 'pending':
      return record.state === 'detaching'
        ? { kind: 'finalize', record }
        : { kind: 'release', record, why: 'somebody attached it again, and is detaching it' }
    case 'attached': {
      if (record.state !== 'detaching') return { kind: 'release', record, why: 'somebody attached it again' }
      // Still due: it is planned anew, under the same note.
      const isDue = partitions.some((partition) => partition.oid === record.oid && partition.due)
      return isDue ? undefined : { kind: 'forget', record }
    }
    case 'apart':
      return planApart(record, retain)
  }
}

function planApart(record: RetiredRecord, { archive, finally: end }: Retention): RetirementStep | undefined {
  if (record.state === 'detaching') return { kind: 'note-detached', record }
  if (!record.graceOver) return undefined
  if (archive !== undefined && record.state === 'detached') return { kind: 'archive', record }
  return { kind: end, record }
}

function describeForeign(partition: LivePartition): string {
  return `${partition.name} is half detached, and not by pgstrata: nothing more can be detached before somebody runs "alter table … detach partition … finalize"`
}
