// How jobs and partitions are doing, in the few numbers that are watched.

import type { Jobs } from '../maintain/index.ts'
import type { TableStatus } from '../partitions/index.ts'
import type { UpkeepOptions } from '../watch/index.ts'

type JobHealth = Awaited<ReturnType<UpkeepOptions['jobs']>>[number]
type PartitionHealth = Awaited<ReturnType<UpkeepOptions['partitions']>>[number]

/** Of tables whose partitions begin at times; those of ids do not tell when they are used up. */
export function partitionHealth(statuses: readonly TableStatus[], nowMs: number): readonly PartitionHealth[] {
  return statuses.flatMap(({ key, state, partitions }) => {
    const beginnings = partitions.flatMap(({ bound }) => {
      const lower = /^FOR VALUES FROM \('(\d{4}-\d\d-\d\d[^']*)'\)/.exec(bound)?.[1]
      return lower === undefined ? [] : [beginMs(lower)]
    })
    if (state !== 'partitioned' || beginnings.length === 0) return []
    return [{ table: key, ahead: beginnings.filter((begin) => begin > nowMs).length }]
  })
}

/** '2026-01-01', '2026-01-01 00:00:00', '2026-01-01 00:00:00+00', '… +05:30' */
function beginMs(text: string): number {
  const [, date = '', time = '00:00:00', zone = 'Z'] = /^([\d-]+)(?: ([\d:.]+))?([+-][\d:]+)?$/.exec(text) ?? []
  return Date.parse(`${date}T${time}${/^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone}`)
}

export async function jobHealth(jobs: Pick<Jobs, 'list'>): Promise<readonly JobHealth[]> {
  const ended = (await jobs.list()).filter(({ tookMs }) => tookMs !== undefined)
  return ended.map(({ name, tookMs = null, failures }) => ({ name, tookMs, failures }))
}
