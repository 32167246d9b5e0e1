import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { formatLsn, maxLsn, normaliseInsertLsn, parseLsn, type Lsn, type WalSizes } from '../../src/db/lsn.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion, versions } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { waitUntil } from '../support/wait.ts'

const sizes: WalSizes = { blockBytes: 8_192, segmentBytes: 16 * 1024 ** 2 }
const lsns = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

test('a position is written and read back', async () => {
  expect(parseLsn('16/B374D848')).toBe(0x16_b374d848n)
  expect(formatLsn(0x16_b374d848n)).toBe('16/B374D848')
  expect(formatLsn(parseLsn('0/0'))).toBe('0/0')
  await checkProperty('positions', lsns, (lsn) => parseLsn(formatLsn(lsn)) === lsn)
})

test('what is no position is refused', () => {
  const wrong = [
    '',
    '0',
    '/',
    '0/',
    '/0',
    '0/0/0',
    '0/000000000',
    '123456789/0',
    'g/0',
    ' 0/0',
    '0/0\n',
    '-1/0',
    '0x1/0',
  ]
  for (const text of wrong)
    expect(() => parseLsn(text), JSON.stringify(text)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
  for (const lsn of [-1n, 2n ** 64n])
    expect(() => formatLsn(lsn)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
})

test('the greater of two positions', () => {
  expect([maxLsn(1n, 2n), maxLsn(2n, 1n), maxLsn(2n, 2n)]).toEqual([2n, 2n, 2n])
})

test('only the first position behind a header is rounded down, and to the page it heads', async () => {
  const { blockBytes, segmentBytes } = sizes
  const segment = 3n * BigInt(segmentBytes)
  const page = segment + BigInt(blockBytes)
  expect(normaliseInsertLsn(segment + 40n, sizes)).toBe(segment)
  expect(normaliseInsertLsn(page + 24n, sizes)).toBe(page)
  // 40 behind the start of an ordinary page is where a record that went on from the page before can end.
  for (const other of [segment, segment + 24n, segment + 48n, page, page + 32n, page + 40n, page - 8n])
    expect(normaliseInsertLsn(other, sizes)).toBe(other)
  const around = fc
    .tuple(
      fc.bigInt({ min: 1n, max: 2n ** 40n }),
      fc.constantFrom(blockBytes, segmentBytes),
      fc.integer({ min: -48, max: 48 }),
    )
    .map(([count, bytes, offset]) => count * BigInt(bytes) + BigInt(offset))
  await checkProperty('rounding', around, (lsn) => {
    const rounded = normaliseInsertLsn(lsn, sizes)
    expect(rounded === lsn || rounded % BigInt(blockBytes) === 0n).toBe(true)
    expect(lsn - rounded).toBeLessThanOrEqual(40n)
    expect(normaliseInsertLsn(rounded, sizes)).toBe(rounded)
  })
})

describeOnEachVersion('positions', (_, database) => {
  test('are those of the server, text and number', async () => {
    await checkProperty(
      'positions of the server',
      lsns,
      async (lsn) => {
        const { rows } = await database().db.query(
          sql`select ${formatLsn(lsn)}::pg_lsn::text as text, (${formatLsn(lsn)}::pg_lsn - '0/0')::text as number`,
        )
        expect(rows).toEqual([{ text: formatLsn(lsn), number: String(lsn) }])
      },
      { runs: 20 },
    )
  })
})

describe.each(versions)('the end of the WAL of an idle primary, PostgreSQL %d', (version) => {
  test('at the start of a segment and of a page, a replica reaches the normalised position and not the raw one', async () => {
    const cluster = await startCluster({ version, inMemory: true, replicas: 1, settings: { autovacuum: 'off' } })
    onTestFinished(() => cluster.stop())
    const primary = open(cluster.primary.url())
    const replica = open(cluster.replicas[0]?.url() ?? '')
    const actual = await readSizes(primary)
    const drives = [
      { header: 40n, drive: () => primary.query(sql`select pg_switch_wal()`) },
      { header: 24n, drive: () => fillPage(primary, actual) },
    ]
    for (const { header, drive } of drives) {
      const { raw, replayed } = await waitUntil(
        async () => {
          await drive()
          return await observeEnd({ primary, replica, header, blockBytes: actual.blockBytes })
        },
        { what: 'an idle primary', timeoutMs: 30_000 },
      )
      expect(raw % BigInt(actual.blockBytes)).toBe(header)
      expect(normaliseInsertLsn(raw, actual)).toBe(replayed)
      expect(replayed).toBe(raw - header)
      await primary.query(sql`select pg_logical_emit_message(true, 'pgstrata', 'more')`)
      await waitUntil(async () => (await readReplayed(replica)) > raw, { what: 'replay behind the header' })
    }
  })
})

function open(url: string): Db {
  const db = openDb({ url, max: 1 })
  onTestFinished(() => db.close())
  return db
}

async function readSizes(db: Db): Promise<WalSizes> {
  return onlyRow(
    await db.query<WalSizes>(sql`
      select current_setting('wal_block_size')::int as "blockBytes",
        pg_size_bytes(current_setting('wal_segment_size'))::int as "segmentBytes"`),
  )
}

const readReplayed = (replica: Db): Promise<Lsn> => readLsn(replica, sql`pg_last_wal_replay_lsn()`)

async function readLsn(db: Db, expression: ReturnType<typeof sql>): Promise<Lsn> {
  return parseLsn(onlyRow(await db.query<{ lsn: string }>(sql`select (${expression})::text as lsn`)).lsn)
}

/** Where the primary says that its WAL ends and how far the replica comes, once it has all that was flushed. */
async function observeEnd(at: {
  readonly primary: Db
  readonly replica: Db
  readonly header: Lsn
  readonly blockBytes: number
}): Promise<{ readonly raw: Lsn; readonly replayed: Lsn } | undefined> {
  const { primary, replica, header, blockBytes } = at
  const raw = await readLsn(primary, sql`pg_current_wal_insert_lsn()`)
  if (raw % BigInt(blockBytes) !== header) return undefined
  const replayed = await waitUntil(
    async () => {
      const replayed = await readReplayed(replica)
      return replayed >= raw - header ? replayed : undefined
    },
    { what: 'replay up to the page' },
  )
  const [flushed, insert] = [
    await readLsn(primary, sql`pg_current_wal_flush_lsn()`),
    await readLsn(primary, sql`pg_current_wal_insert_lsn()`),
  ]
  // Otherwise the server itself wrote meanwhile (the background writer does, now and then).
  return insert === raw && flushed === replayed ? { raw, replayed } : undefined
}

/** Writes one record that ends where its page ends. */
async function fillPage(db: Db, { blockBytes }: WalSizes): Promise<void> {
  const emit = (bytes: number): Promise<unknown> =>
    db.query(sql`select pg_logical_emit_message(false, 'pgstrata', repeat('x', ${bytes}::int))`)
  const readInsert = (): Promise<Lsn> => readLsn(db, sql`pg_current_wal_insert_lsn()`)
  const roomOf = (lsn: Lsn): number => blockBytes - Number(lsn % BigInt(blockBytes))
  const sample = 512
  const before = await readInsert()
  await emit(sample)
  const after = await readInsert()
  const overheadBytes = Number(after - before) - sample
  const room = roomOf(after)
  // A sample that went over the end of a page holds a header too; then the next attempt is made further on.
  if (room > roomOf(before) || room < sample + overheadBytes) return
  await emit(room - overheadBytes)
}
