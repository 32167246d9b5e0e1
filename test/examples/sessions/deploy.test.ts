// `npm run deploy` of a database that was there before, full and in use: one command brings indexes, columns, months and rollups, while
// clients go on writing. Nothing that was committed is lost, and the second deployment finds nothing to do.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { insertEvents } from '../../../examples/sessions/src/db/statements/intake.ts'
import { generate } from '../../../examples/sessions/src/generator/generate.ts'
import { folder, openSessions } from '../../../examples/sessions/src/strata.ts'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { testDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { testConfig } from './support.ts'

interface Deployed {
  readonly code: number
  readonly text: string
}

const jiti = join(folder, '..', '..', 'node_modules', 'jiti', 'lib', 'jiti-cli.mjs')

async function deploy(url: string): Promise<Deployed> {
  const child = spawn(process.execPath, [jiti, 'src/deploy.ts', '--no-service'], {
    cwd: folder,
    env: { ...process.env, DATABASE_URL: url },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (some: string) => (text += some))
  const [code] = (await once(child, 'close')) as [number]
  return { code, text }
}

interface Writing {
  /** What was committed. */
  readonly events: number
  readonly ended: number
  readonly failures: readonly unknown[]
}

/** Clients that send events and end sessions, each as soon as its last statement is answered. */
function startWriters(db: Db): { readonly written: () => Writing; stop(): Promise<Writing> } {
  const counts = { events: 0, ended: 0 }
  const failures: unknown[] = []
  let isOver = false
  const sendEvents = async (): Promise<void> => {
    while (!isOver) {
      const ids = [crypto.randomUUID(), crypto.randomUUID()]
      const at = new Date().toISOString()
      const payload = JSON.stringify({ tags: ['web'], written: 'meanwhile' })
      await db.query({
        text: insertEvents.text,
        values: [ids, [at, at], [null, null], ['latency', 'error'], [payload, payload], null],
      })
      counts.events += 2
    }
  }
  const endSessions = async (): Promise<void> => {
    while (!isOver) {
      const { rows } = await db.query(sql`
        update sessions
        set status = 'ended',
          ended_at = now(),
          ended_by = a_addr
        where session_id = (select session_id from sessions where status = 'active' limit 1 for update skip locked)
        returning session_id`)
      counts.ended += rows.length
      await db.query(sql`
        insert into sessions (a_addr, b_addr, status, created_at, started_at)
        select a.address, b.address, 'active', now(), now()
        from (select address from users order by random() limit 1) as a,
          (select address from users order by random() limit 1) as b
        where a.address <> b.address
          and not exists (select from sessions where status in ('waiting', 'active') and (a_addr in (a.address, b.address) or b_addr in (a.address, b.address)))`)
    }
  }
  const writers = [sendEvents(), endSessions()].map(
    async (writer) => await writer.catch((error: unknown) => void failures.push(error)),
  )
  const written = (): Writing => ({ ...counts, failures })
  return {
    written,
    stop: async () => {
      isOver = true
      await Promise.all(writers)
      return written()
    },
  }
}

test('a database that is full and written to is deployed by one command, and loses nothing', async () => {
  const database = await testDatabase(18)
  const { db, url } = database
  const strata = openSessions(testConfig({ url }))
  onTestFinished(async () => {
    await strata.close()
    await database.close()
  })
  await strata.migrate.up({ to: '0001', lint: false })
  const filled = await generate(strata, { scale: 0.02, seed: 5 })
  const writers = startWriters(db)
  await waitUntil(() => writers.written().events > 20, { what: 'events come in' })

  const before = writers.written().events
  const deployed = await deploy(url)
  expect(deployed.code, deployed.text).toBe(0)
  expect(deployed.text).toContain('telemetry_events is cut into partitions, while it is used.')
  const during = writers.written()
  expect(during.events).toBeGreaterThan(before)
  await waitUntil(() => writers.written().events > during.events + 20, { what: 'events come in to the months' })
  const { events, ended, failures } = await writers.stop()
  expect(failures).toEqual([])
  expect(ended).toBeGreaterThan(0)

  const { rows } = await db.query(sql`
    select (select relkind from pg_class where oid = 'telemetry_events'::regclass) as kind,
      (select count(*)::integer from telemetry_events) as events,
      (select count(*)::integer from telemetry_events where payload @> '{"written": "meanwhile"}') as new_events,
      (select count(*)::integer from users) as users,
      (select count(*)::integer from pg_index join pg_class on oid = indexrelid where relnamespace = 'public'::regnamespace and not indisvalid) as invalid,
      (select count(*)::integer from sessions where (duration_s is null) <> (started_at is null or ended_at is null)) as without_duration,
      (select sum(events)::integer from telemetry_hourly) = (select count(*) from telemetry_events) as counted,
      (select (sum(sessions), sum(ended))::text from sessions_hourly)
        = (select (count(*), count(*) filter (where status = 'ended'))::text from sessions) as summed,
      (select sum(reports)::integer from reported_wallets_ever) = (select count(*) from reports) as reported`)
  expect(rows).toEqual([
    {
      kind: 'p',
      events: filled.events + events,
      new_events: events,
      users: filled.users,
      invalid: 0,
      without_duration: 0,
      counted: true,
      summed: true,
      reported: true,
    },
  ])

  const again = await deploy(url)
  expect([again.code, again.text]).toEqual([0, expect.stringContaining('Nothing to do.')])
}, 240_000)
