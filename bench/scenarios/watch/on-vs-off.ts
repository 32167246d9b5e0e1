// What it costs to observe every statement: microseconds a statement takes when ten are always under way, with a monitor on the
// pool and without one, in turns; and what one recording takes by itself.

import { DatabasePerformanceMonitor, StrataPool } from 'pgstrata'
import { timeMs, type Variant } from '../../harness/rounds.ts'

const concurrency = 10

export interface OnVsOffSizes {
  /** Of each kind and run. */
  readonly statements: number
  readonly recordings: number
}

type Work = (pool: StrataPool, number: number) => Promise<unknown>

const trivial: Work = (pool, number) => pool.query({ name: 'trivial', text: 'select $1::int4 as n', values: [number] })

/** A transaction, as applications have it: five statements of five texts. */
const transaction: Work = async (pool, number) => {
  const client = await pool.connect()
  await client.query('begin')
  await client.query('select n from watched where n = $1', [number % 1_000])
  await client.query('update watched set word = $2 where n = $1', [number % 1_000, 'x'])
  await client.query('select count(*) from watched where n < $1', [10])
  await client.query('commit')
  client.release()
}

/** Statements of a turn: whatever else the machine does slows both kinds down. */
const turn = 1_000

/** The cheapest statement there is, where whatever is added weighs most, and an ordinary transaction. */
export function onVsOffVariants(url: string, { statements, recordings }: OnVsOffSizes): readonly Variant[] {
  return [
    { name: 'a statement', run: () => takeTurns(url, { count: statements, turn, work: trivial, name: '' }) },
    {
      name: 'a transaction',
      run: () => takeTurns(url, { count: statements / 10, turn: turn / 10, work: transaction, name: 'transaction_' }),
    },
    { name: 'record_us', run: () => record(url, recordings) },
  ]
}

interface Turns {
  /** Of each. */
  readonly count: number
  readonly turn: number
  readonly work: Work
  readonly name: string
}

/**
 * One pool, observed in every other turn; which comes first in one pair of turns comes second in the next. Two pools would have
 * connections of their own, and where the system puts their backends weighs more than what is measured.
 */
async function takeTurns(url: string, { count, turn, work, name }: Turns): Promise<Readonly<Record<string, number>>> {
  const pool = new StrataPool({ connectionString: url, max: concurrency })
  const tookMs = { on: 0, off: 0 }
  try {
    await runAll(pool, count / 10, work)
    for (let done = 0; done < count; done += turn) {
      for (const which of (done / turn) % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)) {
        const monitor = which === 'on' ? new DatabasePerformanceMonitor(pool) : undefined
        tookMs[which] += await timeMs(() => runAll(pool, turn, work))
        await monitor?.close()
      }
    }
    return { [`${name}off_us`]: (tookMs.off * 1_000) / count, [`${name}on_us`]: (tookMs.on * 1_000) / count }
  } finally {
    await pool.end()
  }
}

async function runAll(pool: StrataPool, count: number, work: Work): Promise<void> {
  let started = 0
  const worker = async (): Promise<void> => {
    while (started < count) await work(pool, started++)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

/** As the pool calls it: two histograms, and a look into the map of texts, of which there are a hundred. */
async function record(url: string, recordings: number): Promise<Readonly<Record<string, number>>> {
  const pool = new StrataPool({ connectionString: url })
  const monitor = new DatabasePerformanceMonitor(pool, { thresholds: { slowQueryMs: Number.MAX_SAFE_INTEGER } })
  const { recorder } = monitor
  const texts = Array.from({ length: 100 }, (_, number) => `select ${number} as n from some_table where id = $1`)
  const recordAll = async (): Promise<void> => {
    for (let index = 0; index < recordings; index++) {
      recorder.record(texts[index % 100] ?? '', index, index + (index % 977) * 0.13, null, undefined)
    }
  }
  try {
    await recordAll()
    return { record_us: ((await timeMs(recordAll)) * 1_000) / recordings }
  } finally {
    await monitor.close()
    await pool.end()
  }
}
