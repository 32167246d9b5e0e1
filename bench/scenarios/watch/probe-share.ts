// What probing costs a server: the processor time of the backends that answer all probes, at their default intervals, over a stretch
// of a busy database with a few hundred tables; as a share of one core. By /proc of each backend, so it counts what the server does
// for them and nothing else.

import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { openStrata, resolveConfig } from 'pgstrata'
import type { EmbeddedCluster } from 'pgstrata/embedded'
import type { Part } from '../../harness/part.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { withClient } from '../../support/with-client.ts'

/** Minutes of it, one after the other: what is asked once an hour falls into the first. */
const sizes = { full: { tables: 300, minutes: 5 }, quick: { tables: 300, minutes: 2 } }
const minuteMs = 60_000
const clients = 4
const pauseMs = 5
/** Of /proc, on every Linux. */
const ticksPerSecond = 100

export async function measureProbeShare(cluster: EmbeddedCluster, context: BenchContext): Promise<Part> {
  const { tables, minutes } = context.quick ? sizes.quick : sizes.full
  const url = await cluster.createDatabase('probed')
  await fill(url, tables)
  const config = resolveConfig({ database: { primary: url }, watch: {} }, { root: '/', name: 'bench' })
  const strata = openStrata(config)
  const busy = startClients(url, tables)
  try {
    await strata.apply()
    context.progress(`${tables} tables, ${clients} clients; probes for ${minutes} minutes`)
    strata.watch?.start()
    const samples: number[] = []
    for (let minute = 0; minute < minutes && !context.signal.aborted; minute++) {
      samples.push(await probeShare(url, { isFirst: minute === 0, signal: context.signal }))
      context.progress(`minute ${minute + 1}: ${((samples.at(-1) ?? 0) * 100).toFixed(2)} % of a core`)
    }
    const failed = strata.watch?.states().filter(({ failure }) => failure !== undefined) ?? []
    if (failed.length > 0) throw new Error(`Not all was asked: ${failed.map(({ probe }) => probe).join(', ')}`)
    const title = 'all probes at their intervals, as a share of a core of the server'
    return {
      figures: { probe_core_share: { title, unit: 'count', samples } },
      comparisons: {},
    }
  } finally {
    await busy.stop()
    await strata.close()
  }
}

async function fill(url: string, tables: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('create extension if not exists pg_stat_statements')
    for (let index = 0; index < tables; index++) {
      await client.query(`create table t${index} (id serial primary key, n int, text text);
        create index on t${index} (n);
        insert into t${index} (n, text) select g, repeat('x', 50) from generate_series(1, 500) g`)
    }
    await client.query('analyze')
  })
}

interface Clients {
  stop(): Promise<void>
}

function startClients(url: string, tables: number): Clients {
  let isStopped = false
  const work = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    for (let round = 0; !isStopped; round++) {
      const table = `t${Math.floor(Math.random() * tables)}`
      await client.query(`select text from ${table} where id = $1`, [1 + (round % 500)])
      await client.query(`update ${table} set n = n + 1 where id = $1`, [1 + (round % 500)])
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    await client.end()
  }
  const all = Promise.all(Array.from({ length: clients }, work))
  return {
    stop: async () => {
      isStopped = true
      await all
    },
  }
}

/** Backends of the samplers: one a server, besides those of the store. A connection that is made again begins with nothing. */
async function probeShare(
  url: string,
  { isFirst, signal }: { readonly isFirst: boolean; readonly signal: AbortSignal },
): Promise<number> {
  return await withClient(url, async (client) => {
    const endMs = performance.now() + minuteMs
    const fromMs = performance.now()
    let isKnown = isFirst
    const before = new Map<number, number>()
    const ticks = new Map<number, number>()
    while (performance.now() < endMs && !signal.aborted) {
      const { rows } = await client.query<{ pid: number }>(
        "select pid from pg_stat_activity where application_name = 'pgstrata watch'",
      )
      for (const { pid } of rows) {
        const now = await ticksOf(pid)
        // One that came since counts whole.
        if (!before.has(pid)) before.set(pid, isKnown ? 0 : now)
        ticks.set(pid, Math.max(ticks.get(pid) ?? 0, now))
      }
      isKnown = true
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
    const used = [...ticks].reduce((sum, [pid, now]) => sum + now - (before.get(pid) ?? 0), 0)
    const seconds = used / ticksPerSecond
    return seconds / ((performance.now() - fromMs) / 1_000)
  })
}

/** utime and stime: the 14th and 15th, counted behind the name, which may hold anything. */
async function ticksOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
}
