// A service with live events on a server of its own, and what its page is to show: people with friends on four continents, a stream
// that is talked about, a day of polls, a payout, findings.

import { sql, type Kysely } from 'kysely'
import { afterAll, beforeAll } from 'vitest'
import { resolveConfig } from 'pgstrata'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import type { Database } from '../../../examples/streamr/src/database.ts'
import { openService, type Service } from '../../../examples/streamr/src/service.ts'
import type { StreamrConfig } from '../../../examples/streamr/src/strata.ts'
import { waitUntil } from '../../support/wait.ts'
import { addNode, addStream, addUser, befriend, deployStreamr, operatorWallet } from './service-support.ts'
import { configOf, folder } from './support.ts'

/** Deployed and empty; without the app's own jobs, which would change nodes while they are looked at. */
export function usePageService(): () => Service {
  let cluster: EmbeddedCluster | undefined
  let service: Service | undefined
  beforeAll(async () => {
    cluster = await startCluster({ inMemory: true, settings: { max_slot_wal_keep_size: '256MB' } })
    const url = cluster.primary.url()
    await deployStreamr({ url })
    const config = resolveConfig<unknown>({ ...configOf(url), jobs: {} }, { root: folder, name: 'pgstrata.config.ts' })
    service = await openService({
      config: config as unknown as StreamrConfig,
      port: 0,
      operators: [operatorWallet],
      // What is refused on purpose is seen by the test.
      log: () => undefined,
    })
    const { changes } = service.strata
    await waitUntil(() => changes.here.handled !== undefined, { what: 'the feed consumes' })
  })
  afterAll(async () => {
    await service?.close()
    await cluster?.stop()
  })
  return () => {
    if (service === undefined) throw new Error('The service is there only inside tests and hooks')
    return service
  }
}

export interface People {
  /** An operator with friends and nodes. */
  readonly ada: string
  readonly bela: string
  /** Has a friend, who runs no node. */
  readonly chidi: string
  /** Has no friends. */
  readonly dana: string
}

type Place = readonly [name: string, lat: number, lon: number, status: string]

const places: readonly Place[] = [
  ['Lisbon', 38.72, -9.14, 'ACTIVE'],
  ['Porto', 41.15, -8.61, 'ACTIVE'],
  ['Madrid', 40.42, -3.7, 'STALE'],
  ['Paris', 48.86, 2.35, 'ACTIVE'],
  ['Brussels', 50.85, 4.35, 'ACTIVE'],
  ['Berlin', 52.52, 13.4, 'OFFLINE'],
  ['Berlin', 52.52, 13.4, 'ACTIVE'],
  ['Berlin', 52.52, 13.4, 'ACTIVE'],
  ['Nairobi', -1.29, 36.82, 'ACTIVE'],
  ['Accra', 5.6, -0.19, 'PENDING'],
  ['Osaka', 34.69, 135.5, 'ACTIVE'],
  ['Sydney', -33.87, 151.21, 'SUSPENDED'],
  ['Lima', -12.05, -77.04, 'STALE'],
  ['Toronto', 43.65, -79.38, 'ACTIVE'],
  ['Denver', 39.74, -104.99, 'ACTIVE'],
]
const token = 10n ** 18n
const remarks = [
  'Picture and sound are perfect here.',
  'A few dropouts in the last minutes, now it is fine again.',
  'Which song was that?',
  'Greetings to everybody who carries this stream! Mine has been up for a week now, through two thunderstorms and a move.',
]

export async function fillPage(service: Service): Promise<People> {
  const { db } = service
  await addStreams(db)
  const people = {
    ada: await addUser(db, 'Ada Abara', operatorWallet),
    bela: await addUser(db, 'Bela Costa'),
    chidi: await addUser(db, 'Chidi Ito'),
    dana: await addUser(db, 'Dana Lund'),
  }
  const friends = [people.bela]
  for (const name of ['Emeka Berg', 'Freya Hoang', 'Goran Kim']) friends.push(await addUser(db, name))
  for (const friend of friends) await befriend(db, friend, people.ada)
  await befriend(db, people.chidi, await addUser(db, 'Hana Eriksen'))
  for (const [index, [, lat, lon]] of places.entries())
    await addNode(db, nodeId(index), {
      stream: 'night-radio',
      owner: friends[index % friends.length] ?? null,
      lat,
      lon,
    })
  await addNode(db, 'node-own', { stream: 'night-radio', owner: people.ada, lat: 47.4, lon: 8.5 })
  await addNode(db, 'node-placeless', { stream: 'lake-concert', owner: people.bela })
  await setStatuses(db)
  await addProbes(db)
  for (let n = 0; n < 24; n++)
    await say(db, n % 2 === 0 ? people.bela : people.ada, remarks[n % remarks.length] ?? '', 24 - n)
  await addFindings(db)
  await fetch(`${service.url}/payouts?hours_back=1`, { method: 'POST', headers: { 'x-user-id': people.ada } })
  return people
}

export function nodeId(index: number): string {
  return `node-${String(index).padStart(3, '0')}`
}

async function addStreams(db: Kysely<Database>): Promise<void> {
  const named = ['night-radio', 'lake-concert', 'a-stream-whose-name-goes-on-for-longer-than-any-telephone-is-wide']
  for (const [index, id] of named.entries())
    await addStream(db, id, {
      viewers: 12_480 - index * 5_000,
      reward: String(640n * token),
      balance: String(90_000n * token),
    })
  for (let n = 0; n < 14; n++)
    await addStream(db, `garden-${n}`, {
      viewers: 40 - n,
      reward: String((3n * token) / 2n),
      balance: String(200n * token),
    })
  await db.updateTable('streams').set({ status: 'PAUSED' }).where('stream_id', '=', 'garden-2').execute()
}

async function setStatuses(db: Kysely<Database>): Promise<void> {
  for (const [index, [name, , , status]] of places.entries())
    await sql`
      update nodes
      set status = ${status},
        display_name = ${`${name} ${index + 1}`},
        last_heartbeat = ${status === 'PENDING' ? null : new Date(Date.now() - (status === 'ACTIVE' ? 20_000 : 900_000))}
      where node_id = ${nodeId(index)}`.execute(db)
}

/** Six an hour of each node, for the last 24 hours; some nodes miss some, in a rhythm of their own. */
async function addProbes(db: Kysely<Database>): Promise<void> {
  await sql`
    insert into probe_results (stream_id, node_id, probe_type, success, probe_timestamp)
    select
      stream_id,
      node_id,
      'stats_poll',
      (hashtext(node_id || minute) % 10) + 3 * sin(minute / 140.0) < 7,
      now() - minute * interval '1 minute'
    from nodes
    cross join generate_series(3, 1440, 10) as minute
    where status <> 'PENDING'`.execute(db)
}

export async function say(db: Kysely<Database>, user: string, content: string, hoursAgo: number = 0): Promise<void> {
  await db
    .insertInto('comments')
    .values({
      stream_id: 'night-radio',
      user_id: user,
      content,
      created_at: new Date(Date.now() - hoursAgo * 3_600_000),
    })
    .execute()
}

async function addFindings(db: Kysely<Database>): Promise<void> {
  for (const [index, rule] of (['contradiction', 'replay', 'crowded-address'] as const).entries())
    await db
      .insertInto('fraud_findings')
      .values({
        node_id: nodeId(11 - index),
        stream_id: 'night-radio',
        rule,
        evidence: JSON.stringify({ claimed: 48_000_000, measured: 12_000_000 }),
      })
      .execute()
}
