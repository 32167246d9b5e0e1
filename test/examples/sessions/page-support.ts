// The service with live events on a server of its own, as `npm start` opens it: with the demonstration's wallets, of which the first one is a
// moderator.

import { afterAll, beforeAll } from 'vitest'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { createDemoWallets, type DemoWallet } from '../../../examples/sessions/src/demo/wallets.ts'
import { generate } from '../../../examples/sessions/src/generator/generate.ts'
import { openService, type Service } from '../../../examples/sessions/src/service.ts'
import { waitUntil } from '../../support/wait.ts'
import { deploySessions, generous, testConfig } from './service-support.ts'

export const demo: readonly DemoWallet[] = createDemoWallets()

export function demoWallet(name: string): DemoWallet {
  const wallet = demo.find((one) => one.name.startsWith(name))
  if (wallet === undefined) throw new Error(`There is no ${name} among the wallets of the demonstration`)
  return wallet
}

export interface LiveService extends Service {
  /** Opens another process's worth of it on the same database, on any port. */
  readonly cluster: EmbeddedCluster
}

/** Deployed and empty. */
export function useLiveService(): () => LiveService {
  let cluster: EmbeddedCluster | undefined
  let service: Service | undefined
  beforeAll(async () => {
    cluster = await startCluster({ inMemory: true, settings: { max_slot_wal_keep_size: '256MB' } })
    const config = testConfig({ url: cluster.primary.url(), months: 4 })
    await deploySessions(config)
    const opened = await openService({
      config,
      port: 0,
      demo,
      moderators: demo.slice(0, 1).map(({ address }) => address),
      limits: generous,
      // What is refused on purpose is seen by the test.
      log: () => undefined,
    })
    service = opened
    await waitUntil(() => opened.strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
  })
  afterAll(async () => {
    await service?.close()
    await cluster?.stop()
  })
  return () => {
    if (service === undefined || cluster === undefined)
      throw new Error('The service is there only inside tests and hooks')
    return { ...service, cluster }
  }
}

/** Wallets of the demonstration among others, with ninety days of sessions behind them. */
export async function fillPage({ strata }: Service): Promise<void> {
  await generate(strata, {
    sizes: { users: 60, sessions: 700, waiting: 0, nonces: 4 },
    seed: 5,
    named: demo,
    existing: 'reset',
  })
  // Whoever has a session now is none of those who are to be matched.
  await strata.pool.query(
    `update sessions
     set status = 'ended', ended_at = now()
     where status = 'active'`,
    [],
  )
  // More than one page of them.
  await strata.pool.query(
    `insert into sessions (a_addr, b_addr, status, created_at, started_at, ended_at, ended_by)
     select $1, $2, 'ended', at, at, at + n * interval '31 seconds', $2
     from generate_series(1, 40) as n
     cross join lateral (select now() - n * interval '7 hours') as given (at)`,
    [demoWallet('Jiro').address, demoWallet('Lena').address],
  )
}

/** Whoever looks for somebody is about to lose the place in the queue, and asks for it again. */
export async function seeKeptPlace({ strata: { pool } }: Service, name: string): Promise<void> {
  const wallet = [demoWallet(name).address]
  const own = `status = 'waiting' and a_addr = $1`
  await pool.query(`update sessions set expires_at = now() + interval '10 seconds' where ${own}`, wallet)
  const kept = `select from sessions where ${own} and expires_at > now() + interval '1 minute'`
  await waitUntil(async () => (await pool.query(kept, wallet)).rows.length === 1, { what: 'the place is kept' })
}
