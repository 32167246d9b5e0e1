// A model of everything a cache stands in front of: rows that change, readers and writers in several processes, loaders that
// are held between reading a row and returning it, for as long as it takes others to change it.
//
// A violation: a read that began after a write of its key had been acknowledged gives something older than that write.

import { systemClock } from '../../src/base/clock.ts'
import type { Random } from '../../src/base/random.ts'

/** One process's way to the cache under test. */
export interface Subject {
  get(key: string, load: () => Promise<number>): Promise<number>
  /** false: not acknowledged. */
  invalidate(key: string): Promise<boolean>
}

export interface ModelOptions {
  readonly subjects: readonly Subject[]
  readonly random: Random
  readonly operations: number
  readonly clients: number
  readonly keys: number
  /** Share of writes among operations. */
  readonly writes: number
}

export interface ModelReport {
  readonly reads: number
  readonly writes: number
  readonly acknowledged: number
  readonly loads: number
  readonly violations: number
  readonly errors: readonly unknown[]
  /** The most loads of one key at a time in one process. */
  readonly mostAtOnce: number
}

const longestPauseMs = 4

export async function runModel(options: ModelOptions): Promise<ModelReport> {
  const { subjects, random, operations, clients, keys, writes } = options
  const rows = Array.from({ length: keys }, () => 1)
  const floors = Array.from({ length: keys }, () => 1)
  const running = new Map<string, number>()
  const report = { reads: 0, writes: 0, acknowledged: 0, loads: 0, violations: 0, mostAtOnce: 0 }
  const errors: unknown[] = []
  const pick = (count: number): number => Math.min(count - 1, Math.floor(random() * count))

  const load = async (process: number, key: number): Promise<number> => {
    const place = `${process} ${key}`
    const atOnce = (running.get(place) ?? 0) + 1
    running.set(place, atOnce)
    report.loads++
    report.mostAtOnce = Math.max(report.mostAtOnce, atOnce)
    const value = rows[key] ?? 0
    await systemClock.sleep(random() * longestPauseMs)
    running.set(place, (running.get(place) ?? 1) - 1)
    return value
  }
  const write = async (process: number, key: number): Promise<void> => {
    const value = (rows[key] ?? 0) + 1
    rows[key] = value
    report.writes++
    if ((await subjects[process]?.invalidate(`row ${key}`)) !== true) return
    report.acknowledged++
    floors[key] = Math.max(floors[key] ?? 0, value)
  }
  const read = async (process: number, key: number): Promise<void> => {
    const floor = floors[key] ?? 0
    report.reads++
    const value = await subjects[process]?.get(`row ${key}`, () => load(process, key))
    if (value === undefined || value < floor) report.violations++
  }
  let left = operations
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const [process, key] = [pick(subjects.length), pick(keys)]
      try {
        await (random() < writes ? write(process, key) : read(process, key))
      } catch (error) {
        errors.push(error)
      }
      // Hits answer without a turn of the event loop, in which nothing else would happen.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return { ...report, errors }
}
