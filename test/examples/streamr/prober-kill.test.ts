// Three probers as processes, two of them killed with SIGKILL in the middle of their work: what they had said to be written is there,
// no slot of a node has two rows, and the next goes on.

import { spawn } from 'node:child_process'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { createTurns } from '../../../examples/streamr/src/prober/slots.ts'
import { openSimulatedNodes } from '../../../examples/streamr/src/simulated/index.ts'
import { waitUntil } from '../../support/wait.ts'
import { hurried } from './prober-hurry.ts'
import { useStreamr } from './support.ts'

const streamr = useStreamr(18)
const nodeIds = Array.from({ length: 12 }, (_, index) => `node-${index}`)
const enough = 60

interface Said {
  readonly nodeId: string
  readonly atMs: number
  readonly type: string
}

interface ProberProcess {
  /** What it has said to be written. */
  said(): readonly Said[]
  end(signal: NodeJS.Signals): Promise<number | null>
}

function startProber(url: string): ProberProcess {
  const child = spawn(process.execPath, ['--import', 'jiti/register', 'test/examples/streamr/prober-process.ts', url], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    said: () => {
      if (child.exitCode !== null && child.exitCode !== 0) throw new Error(`The prober ended: ${stderr}`)
      return stdout.split('\n').flatMap((line) => (line.endsWith(']') ? (JSON.parse(line) as Said[]) : []))
    },
    end: async (signal) => {
      child.kill(signal)
      return await ended
    },
  }
}

// Three processes load the library, which takes its time on a busy machine.
const timeoutMs = 180_000

test(
  'a prober that is killed loses nothing that it acknowledged, and another goes on',
  { timeout: timeoutMs },
  async () => {
    const { kysely: db, url } = streamr()
    const nodes = await openSimulatedNodes({ port: 0, seed: 'kill', usual: () => ({ kind: 'honest' }) })
    onTestFinished(async () => await nodes.close())
    await sql`insert into streams (stream_id, sponsor_address, rtmp_url) values ('stream', '0x1', 'rtmp://nowhere')`.execute(
      db,
    )
    await db
      .insertInto('nodes')
      .values(nodeIds.map((node_id) => ({ node_id, stream_id: 'stream', stats_url: nodes.statsUrl(node_id) })))
      .execute()

    const all = [startProber(url), startProber(url), startProber(url)]
    const running = [...all]
    for (const kill of ['SIGKILL', 'SIGKILL', 'SIGTERM'] as const) {
      const before = new Map(running.map((prober) => [prober, prober.said().length]))
      const holder = await waitUntil(
        () => running.find((prober) => prober.said().length >= (before.get(prober) ?? 0) + enough),
        { what: 'a prober that writes', timeoutMs: 50_000 },
      )
      running.splice(running.indexOf(holder), 1)
      expect(await holder.end(kill)).toBe(kill === 'SIGTERM' ? 0 : null)
    }
    const { rows } = await sql<{ key: string; node_id: string; type: string; ms: string; success: boolean }>`
    select node_id, probe_type as type, success, round(extract(epoch from probe_timestamp) * 1000) as ms
    from probe_results`.execute(db)
    const keys = new Set(rows.map(({ node_id, type, ms }) => `${node_id} ${type} ${ms}`))
    const said = all.flatMap((prober) => prober.said()).map(({ nodeId, type, atMs }) => `${nodeId} ${type} ${atMs}`)
    expect(said.length).toBeGreaterThanOrEqual(3 * enough)
    expect(new Set(said).size).toBe(said.length)
    expect(said.filter((key) => !keys.has(key))).toEqual([])
    const turns = {
      stats_poll: createTurns({ everyMs: hurried.pollEveryMs ?? 0, jitter: 0, share: 1, seed: '' }),
      spot_check: createTurns({ everyMs: hurried.spotEveryMs ?? 0, jitter: 0, share: 1, seed: '' }),
    }
    const slots = rows.map((row) => {
      const type = row.type === 'stats_poll' ? 'stats_poll' : 'spot_check'
      return `${row.node_id} ${type} ${turns[type].slotOf(row.node_id, Number(row.ms))}`
    })
    expect(slots.length - new Set(slots).size).toBe(0)
    const asked = nodeIds.reduce((sum, id) => sum + nodes.node(id).asked.stats + nodes.node(id).asked.segment, 0)
    expect(asked).toBeGreaterThanOrEqual(rows.length)
    const findings = await db.selectFrom('fraud_findings').selectAll().execute()
    expect(findings).toEqual([])
  },
)
