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

/** The cheapest statement there is, where whatever is added weighs most, and an ordinary transaction. */
export function onVsOffVariants(url: string, { statements, recordings }: OnVsOffSizes): readonly Variant[] {
  const run = (name: string, count: number, work: Work, isObserved: boolean): Variant => ({
    name,
    run: async () => {
      const pool = new StrataPool({ connectionString: url, max: concurrency })
      const monitor = isObserved ? new DatabasePerformanceMonitor(pool) : undefined
      try {
        await runAll(pool, count / 10, work)
        return { [name]: (await timeMs(() => runAll(pool, count, work))) / (count / 1_000) }
      } finally {
        await monitor?.close()
        await pool.end()
      }
    },
  })
  return [
    run('off_us', statements, trivial, false),
    run('on_us', statements, trivial, true),
    run('transaction_off_us', statements / 10, transaction, false),
    run('transaction_on_us', statements / 10, transaction, true),
    { name: 'record_us', run: () => record(url, recordings) },
  ]
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
