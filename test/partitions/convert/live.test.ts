// A table of a hundred thousand rows (five million when soaking) is converted while four clients write to it and two read, and its runner is killed with
// SIGKILL five times (ten when soaking): no client sees an error or a row too few or too many, and in the end the table holds exactly what
// the writers were told. The moments come from a seed that is printed.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { seededRandom, type Random } from '../../../src/base/random.ts'
import type { PartitionedTable } from '../../../src/partitions/options.ts'
import { useDatabase, versions, type TestedMajor } from '../../support/postgres.ts'
import { scaled, seed } from '../../support/property.ts'
import { byHash, byMonth, byMonthAndHash, createPlays, declare, partitionsOf } from './support.ts'
import { compareWithLog, startTraffic } from './traffic.ts'

const soak = process.env['PGSTRATA_SOAK'] === '1'
const kills = soak ? 10 : 5
/** So many that copying takes many batches. */
const many = soak ? 5_000_000 : 100_000
const runner = fileURLToPath(new URL('runner.mjs', import.meta.url))

const methods = [
  { name: 'relabel', layout: byMonth, full: false, rows: many },
  { name: 'copy by month', layout: byMonth, full: true, rows: many },
  { name: 'copy by hash', layout: byHash, full: true, rows: many },
  { name: 'copy by month and hash', layout: byMonthAndHash, full: true, rows: scaled(50_000) },
] as const

/** In the order in which they come; copying as often as all the others together. */
const moments = {
  relabel: ['keying', 'checking', 'validating', 'preparing', 'swapping', 'settling'],
  copy: [
    'preparing',
    'capturing',
    'copying',
    'copying',
    'copying',
    'copying',
    'copying',
    'copying',
    'filling',
    'catching',
    'verifying',
    'closing',
    'swapping',
    'settling',
  ],
} as const

/**
 * When soaking, all methods on the newest version and the last one on each other. Otherwise relabelling and a copy there, and one
 * method on each other: which, the seed says.
 */
function chosenOn(version: TestedMajor): readonly (typeof methods)[number][] {
  const isFirst = version === versions[0]
  if (soak) return isFirst ? methods : methods.slice(-1)
  const [relabel, ...copies] = methods
  const from = isFirst ? copies : methods
  const one = from[Math.floor(seededRandom(seed + version)() * from.length)] ?? relabel
  const chosen = isFirst ? [relabel, one] : [one]
  const left = methods.filter((method) => !chosen.includes(method)).map(({ name }) => name)
  console.log(`PostgreSQL ${version}: seed ${seed} leaves ${left.join(', ')} to other runs and PGSTRATA_SOAK=1`)
  return chosen
}

for (const version of versions) {
  describe(`a killed conversion on PostgreSQL ${version}`, () => {
    const database = useDatabase(version)
    test.each(chosenOn(version))(
      '$name: no row lost, double or changed',
      { timeout: 1_200_000 },
      async ({ name, layout, full, rows }) => {
        const { db, url } = database()
        const random = seededRandom(seed + version + name.length)
        console.log(`${name} on PostgreSQL ${version}: seed ${seed}, ${rows} rows, ${kills} kills`)
        await createPlays(db, name, rows)
        const firstId = rows + 1
        const movers = Array.from({ length: 50 }, (_, index) => 1 + index * Math.floor(rows / 50))
        const traffic = await startTraffic({ url, table: name, firstId, writers: 4, readers: 2, movers, seed })
        const killed = await killUntilDone({ url, declared: declare(name, layout), full }, chooseMoments(full, random))
        const log = await traffic.stop()
        console.log(
          `${name}: ${traffic.done()} statements beside it, the longest write took ${Math.round(log.longestMs)} ms; killed in ${killed.join(', ')}`,
        )
        expect(killed).toHaveLength(kills)
        expect(log.errors.slice(0, 5)).toEqual([])
        expect((await compareWithLog(db, name, firstId, log)).slice(0, 5)).toEqual([])
        expect((await partitionsOf(db, name)).length).toBeGreaterThan(3)
        expect(log.rows.size).toBeGreaterThan(100)
      },
    )
  })
}

interface Call {
  readonly url: string
  readonly declared: PartitionedTable
  readonly full: boolean
}

interface Moment {
  readonly state: string
  /** The line of that state to die at. */
  readonly line: number
  /** A state that is over sooner ends with the life of its runner all the same. */
  readonly later: readonly string[]
}

function chooseMoments(full: boolean, random: Random): readonly Moment[] {
  const states: readonly string[] = moments[full ? 'copy' : 'relabel']
  return Array.from({ length: kills }, () => Math.floor(random() * states.length))
    .toSorted((left, right) => left - right)
    .map((place) => {
      const state = states[place] ?? ''
      const later = states.slice(states.lastIndexOf(state) + 1)
      // The last state may be over before a second line of it.
      return { state, line: later.length === 0 ? 1 : 1 + Math.floor(random() * 4), later }
    })
}

/** Kills a runner at each of the moments, then lets one end. Gives back what each was killed at. */
async function killUntilDone(call: Call, chosen: readonly Moment[]): Promise<readonly string[]> {
  const killed: string[] = []
  for (;;) {
    const { ended, last, stderr } = await runOnce(call, chosen[killed.length])
    if (ended) return killed
    if (stderr !== '') throw new Error(stderr)
    killed.push(last)
  }
}

function runOnce(call: Call, moment: Moment | undefined): Promise<{ ended: boolean; last: string; stderr: string }> {
  return new Promise((resolve) => {
    // The last state may be over before the kill arrives.
    const standsStill = moment === undefined ? undefined : (moment.later.at(-1) ?? moment.state)
    const child = spawn(process.execPath, [runner, JSON.stringify({ ...call, standsStill })], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let lines = 0
    let last = ''
    let stderr = ''
    let ended = false
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    createInterface({ input: child.stdout }).on('line', (line) => {
      ended ||= line === 'ended done'
      const state = line.split(' ')[1] ?? ''
      if (moment === undefined || (state !== moment.state && !moment.later.includes(state))) return
      lines++
      if (state === moment.state && lines < moment.line) return
      if (!child.killed) last = line
      child.kill('SIGKILL')
    })
    child.once('close', () => resolve({ ended, last, stderr }))
  })
}
