// The whole life of partitions whose mover is killed again and again: SIGKILL at a commit, or some moments behind it, while clients
// write and read. Behind each kill every row is there once (in the table, in a pack, or in the archive of a cold partition) as the
// log of the writers says; another mover goes on from there. In the end rollups are what a recompute gives, and nothing is left over.

import { fork } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { openArchiving } from '../../src/tiers/archiving.ts'
import { readArchive, readFiles } from '../../src/tiers/archive/catalog.ts'
import { readCurrentColumns } from '../../src/tiers/model/current-columns.ts'
import { fitColumns } from '../../src/tiers/archive/fit.ts'
import { loadFiles } from '../../src/tiers/archive/load.ts'
import { fetchFile } from '../../src/tiers/archive/read-back.ts'
import type { TierPartition } from '../../src/tiers/model/record.ts'
import { states, type Move, type State } from '../../src/tiers/model/states.ts'
import { transaction } from '../../src/db/transaction.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion, versions, type TestDatabase } from '../support/postgres.ts'
import { scaled, seed } from '../support/property.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { typescript } from '../support/typescript.ts'
import { waitUntil } from '../support/wait.ts'
import { oidOf, textsOf } from './exchange-support.ts'
import { days, partitionOf, readLife, wakeAll } from './life-moves.ts'
import { createLife, lifeConfig, type LifePlace } from './life-support.ts'
import { expectedTexts, readTexts, startWriting, type Log } from './life-writers.ts'
import type { MovingCall, MovingNews } from './moving-process.ts'

/** Of all versions together: 10, or 200 when soaking. */
const kills = scaled(10)
const soak = process.env['PGSTRATA_SOAK'] === '1'
/** Of one mover, before it is killed at the latest. */
const mostCommits = soak ? 60 : 16

const killedAt = new Set<string>()
const led = new Set<string>()

interface Life {
  readonly database: TestDatabase
  readonly strata: Strata
  readonly place: LifePlace
  readonly log: Log
  /** Texts of the archives that were read, by their numbers: a proven one does not change. */
  readonly archived: Map<bigint, readonly string[]>
}

/** What a mover may say of a partition that it leaves alone for now. */
const expectedWarning =
  /a lock was not to be had|began again|given up after|a transaction is open|rows came to it in every/

interface Killed {
  /** At which it was killed. */
  readonly state: string
  /** States that its steps led to. */
  readonly seen: readonly string[]
}

/** Starts a mover, and kills it at the commit that `call` names, or `afterMs` behind it. */
function killOne(call: MovingCall, afterMs: number): Promise<Killed> {
  const child = fork('test/tiers/moving-process.ts', [JSON.stringify(call)], { execArgv: ['--import', typescript] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const seen: string[] = []
  const wrong: string[] = []
  let struck: string | undefined
  return new Promise((resolve, reject) => {
    child.on('message', (news: MovingNews) => {
      if (news.kind === 'warning' && !expectedWarning.test(news.text)) wrong.push(news.text)
      if (news.kind === 'failed') wrong.push(news.text)
      if (news.kind !== 'commit') return
      seen.push(news.state)
      if (!news.isTheOne) return
      struck = news.state
      setTimeout(() => child.kill('SIGKILL'), afterMs)
    })
    child.once('exit', () => {
      if (struck === undefined || wrong.length > 0)
        reject(new Error(['The mover ended, or went wrong:', ...wrong].join('\n')))
      else resolve({ state: struck, seen })
    })
  })
}

/** The server notices that its client is gone when it has something to say to it. */
async function awaitOrphans({ db }: TestDatabase): Promise<void> {
  const isHeld = sql`
    select
    from pg_locks
    where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())`
  await waitUntil(async () => (await db.query(isHeld)).rows.length === 0, {
    what: 'the session of the killed mover ends',
    timeoutMs: 60_000,
  })
}

/** Rows of a cold partition, from its store. */
async function readCold(
  { database: { db }, place, archived }: Life,
  { archive, name }: TierPartition,
): Promise<readonly string[]> {
  const id = archive ?? 0n
  const known = archived.get(id)
  if (known !== undefined) return known
  const config = lifeConfig(place)
  const [table] = config.tiered
  const archiving = table === undefined ? undefined : openArchiving(config.archive).of(table)
  const found = await readArchive(db, id)
  if (archiving === undefined || found?.content == null) throw new Error(`${name} has no archive ${id}`)
  expect(found.state, name).toBe('only copy')
  const folder = join(place.folder, 'looked-at')
  const duck = await archiving.duck([folder])
  try {
    const files = await Promise.all(
      (await readFiles(db, id)).map(async (file) => {
        const path = join(folder, `${id}-${file.number}.parquet`)
        await fetchFile({ store: archiving.store }, file, path)
        return { file, path }
      }),
    )
    const { columns, content, lower } = found
    const texts = await db.withSession((session) =>
      transaction(session, async (tx) => {
        await tx.query(sql`create temp table looked_at (like events) on commit drop`)
        const now = await readCurrentColumns(tx, await oidOf(db, 'events'))
        const mapping = fitColumns({ archived: columns, columns: now, isSameTable: true, without: [], renamed: {} })
        await loadFiles(tx, {
          columns,
          content: content ?? { rows: '0', one: '0', two: '0' },
          files,
          table: 'pg_temp.looked_at',
          mapping,
          duck,
        })
        return await readTexts(tx, 'pg_temp.looked_at', dayOf(lower))
      }),
    )
    archived.set(id, texts)
    return texts
  } finally {
    duck.close()
  }
}

const dayOf = (lower: string): number => Number(lower.slice(8, 10))

/** Every row is in one place. */
async function expectContent(life: Life, when: string): Promise<void> {
  const { database, log } = life
  const known = await readLife(database.db)
  for (const day of days) {
    const found = [...(await readTexts(database.db, 'events_history', day))]
    const cold = known.find(({ name, oid }) => oid === null && name === partitionOf(day))
    if (cold !== undefined) found.push(...(await readCold(life, cold)))
    expect(
      found.toSorted(),
      `day ${day} ${when} (${known.find(({ name }) => name === partitionOf(day))?.state ?? 'hot'})`,
    ).toEqual(expectedTexts(log, day))
  }
}

/** A recompute of what is here. */
async function expectRollups({ strata }: Life): Promise<void> {
  expect(await strata.rollup.verify('kind_hours')).toMatchObject({ different: 0, totals: 0, levels: 0 })
}

/** For five kills the same days are written to. */
function orderOf(number: number): readonly number[] {
  const random = seededRandom(seed + Math.floor((number - 1) / 5))
  return days
    .map((day) => [random(), day] as const)
    .toSorted(([left], [right]) => left - right)
    .map(([, day]) => day)
}

async function killAgain(life: Life, random: Random, number: number): Promise<Killed> {
  const { database, place, log } = life
  const { tiered, archive, ladder } = lifeConfig(place)
  const [table] = tiered
  if (table === undefined || archive === undefined) throw new Error('No table has tiers')
  const stands = random() < 0.4
  // Where none was killed yet is looked for, for some time.
  const left = states.filter((state) => !killedAt.has(state))
  const state = random() < 0.6 ? left[Math.floor(random() * left.length)] : undefined
  const at = state === undefined ? 1 + Math.floor(random() * 8) : mostCommits
  const order = orderOf(number)
  const quiet = order.slice(4).map(partitionOf)
  const writing = startWriting({ url: database.url, log, seed: seed + number, order })
  try {
    const call: MovingCall = {
      url: database.url,
      table,
      archive,
      ladder,
      quiet,
      seed: seed + number,
      state,
      at,
      stands,
    }
    return await killOne(call, stands ? 0 : Math.floor(random() * 60))
  } finally {
    await writing.stop()
    expect(writing.errors, `while mover ${number} was at work`).toEqual([])
    expect(writing.done()).toBeGreaterThan(0)
  }
}

/** Undisturbed: each partition is an ordinary one again. */
async function bringBack({ database: { db }, strata }: Life): Promise<void> {
  const way: Readonly<Partial<Record<State, Move | 'abort'>>> = {
    slim: 'unpack',
    packed: 'unpack',
    cold: 'restore',
    archived: 'abort',
  }
  for (const day of days) {
    const name = partitionOf(day)
    for (;;) {
      const record = (await readLife(db)).find((one) => one.name === name)
      const state = record?.state ?? 'hot'
      if (state === 'hot') break
      const next = way[state] ?? (state === 'dropping' ? 'drop' : 'abort')
      if (state === 'dropping') await strata.jobs.runNow('tiers')
      else if (next === 'abort') await strata.tiers.abort('events', name)
      else await strata.tiers.move('events', name, next)
    }
  }
}

const leftovers = `
  select relname as text from pg_class where relname ~ '^(pgstrata_tier_|late_|tier_barrier_[0-9]|pack_[0-9]|scratch_|tier_[0-9]+_loose_)' and relkind in ('r', 'p', 'v')
  union all select proname from pg_proc where proname ~ '^(late_|pack_[0-9])'
  union all select tgname from pg_trigger where tgname ~ '^pgstrata_(guard|packed)'
  union all select 'pack ' || id from pgstrata.tier_pack
  union all select 'archive ' || id from pgstrata.archive where state = 'only copy'
  union all select 'touch' from pgstrata.tier_touch as t join pgstrata.tier_partition as p on p.id = t.tier_partition and p.state <> 'hot'`

describeOnEachVersion('partitions whose mover is killed', (version, database) => {
  test('keep every row', { timeout: soak ? 3_600_000 : 240_000 }, async () => {
    const random = seededRandom(seed + version)
    const outside = version === versions[0] ? 'refuse' : 'default'
    const place: LifePlace = { url: database().url, folder: await temporaryFolder(), outside }
    // Few kills may come to no archive, that would make it.
    await mkdir(join(place.folder, 'work'))
    await createLife(database().db)
    const strata = openStrata(lifeConfig(place))
    const life: Life = { database: database(), strata, place, log: new Map(), archived: new Map() }
    try {
      await strata.apply()
      await strata.rollup.fill('kind_hours')
      const own = Math.ceil(kills / versions.length)
      for (let number = 1; number <= own; number++) {
        const killed = await killAgain(life, random, version * 1_000 + number)
        killedAt.add(killed.state)
        for (const state of killed.seen) led.add(state)
        await awaitOrphans(database())
        const when = `behind kill ${number} at ${killed.state}, seed ${seed}`
        console.log(`${when}: ${killed.seen.join(' ')}; ${life.log.size} rows written`)
        await expectContent(life, when)
        if (number % 10 === 0) await expectRollups(life)
        await wakeAll(database().db)
      }
      await bringBack(life)
      await expectContent(life, 'when all is hot again')
      expect(await readTexts(database().db, 'events', 1)).toEqual(expectedTexts(life.log, 1))
      await expectRollups(life)
      expect(await textsOf(database().db, leftovers)).toEqual([])
      expect(await readdir(join(place.folder, 'work'))).toEqual([])
    } finally {
      await strata.close()
    }
  })
})

test('movers were killed in every state', () => {
  console.log(`killed at: ${[...killedAt].toSorted().join(', ')}`)
  console.log(`steps led to: ${[...led].toSorted().join(', ')}`)
  if (soak)
    expect([...killedAt]).toEqual(expect.arrayContaining(states.filter((state) => state !== 'archive:guarding')))
  else expect(killedAt.size).toBeGreaterThan(1)
})
