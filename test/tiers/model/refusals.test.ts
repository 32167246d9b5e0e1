// What keeps a table from a tier is found in the table itself.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import type { TieredTable, Warm } from '../../../src/tiers/model/options.ts'
import { readRefusals, requireAllowed } from '../../../src/tiers/model/refusals.ts'
import { declareTable } from '../../partitions/life-support.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'

const warm: Warm = {
  due: undefined,
  overBytes: undefined,
  unread: undefined,
  strength: 'packed',
  segmentBy: [],
  orderBy: [{ column: 'played_at', descending: false }],
  rows: 1_000,
  indexes: [],
  accept: [],
}

const declare = (table: string, changes: Partial<Warm> = {}): TieredTable => ({
  partitioned: declareTable({ table }),
  warm: { ...warm, ...changes },
  cold: undefined,
})

describeOnEachVersion('refusals', (_version, database) => {
  const create = async (table: string, columns: string, more = ''): Promise<void> => {
    const january = `create table ${table}_2026_01 partition of ${table} for values from ('2026-01-01') to ('2026-02-01')`
    const text = `create table ${table} (played_at timestamptz not null, ${columns}) partition by range (played_at); ${january}; ${more}`
    await database().db.query(sql.raw(text))
  }
  const refused = async (table: TieredTable): Promise<readonly string[]> => {
    const found = await readRefusals(database().db, table)
    return found.map(({ tiers, why }) => `${tiers.join(', ')}: ${why}`)
  }

  test('a plain partitioned table is refused nothing', async () => {
    await create('fine', 'id int, primary key (id, played_at)')
    expect(await refused(declare('fine', { segmentBy: ['id'] }))).toEqual([])
    await expect(requireAllowed(database().db, declare('fine'), 'packed')).resolves.toBeUndefined()
  })

  test('foreign keys: incoming ones to any tier, outgoing ones by consent', async () => {
    await database().db.query(sql`create table songs (id int primary key)`)
    await create('plays', 'id int, song int references songs, primary key (id, played_at)')
    await database().db.query(
      sql.raw('create table notes (id int, at timestamptz, constraint of_play foreign key (id, at) references plays)'),
    )
    expect(await refused(declare('plays'))).toEqual([
      expect.stringMatching(/^slim, packed, cold: other tables refer to it \(of_play of notes\)/),
      expect.stringMatching(/^packed: it refers to other tables \(plays_song_fkey of songs\)/),
    ])
    expect(await refused(declare('plays', { accept: ['unenforced-references'] }))).toHaveLength(1)
  })

  test('row security, exclusion constraints, unlogged partitions, names and columns of our kind', async () => {
    await create('secret', 'id int', 'alter table secret_2026_01 enable row level security')
    expect(await refused(declare('secret'))).toEqual([
      expect.stringMatching(/^slim, packed, cold: it has row security/),
    ])
    await create('rooms', 'room int', 'alter table rooms_2026_01 add constraint once exclude (room with =)')
    expect(await refused(declare('rooms'))).toEqual([expect.stringMatching(/^packed: its exclusion constraint "once"/)])
    await create('quick', 'id int', 'alter table quick_2026_01 set unlogged')
    expect(await refused(declare('quick'))).toEqual([expect.stringMatching(/^cold: it is unlogged/)])
    await create('own', 'pgstrata_id int, blob json')
    expect(
      await refused(
        declare('own', { segmentBy: ['blob', 'nowhere'], orderBy: [{ column: 'blob', descending: true }] }),
      ),
    ).toEqual([
      'packed: its column "pgstrata_id" has a name of the kind that packs use themselves',
      'packed: values of "blob" cannot be told apart by equality',
      'packed: it has no column "nowhere", by which it is to be cut',
      'packed: values of "blob" have no order',
    ])
    const long = `a${'b'.repeat(54)}`
    await create(long, 'id int')
    expect(await refused(declare(long))).toEqual([
      `slim, packed, cold: "${long}_segments" would be a name of more than the 63 bytes that PostgreSQL keeps`,
    ])
  })

  test('a publication that truncates partitions elsewhere', async () => {
    await create('told', 'id int')
    const { db } = database()
    await db.query(sql`create publication by_leaf for table told`)
    expect(await refused(declare('told'))).toEqual([expect.stringMatching(/^packed: publication "by_leaf" tells/)])
    await db.query(sql`alter publication by_leaf set (publish_via_partition_root = true)`)
    expect(await refused(declare('told'))).toEqual([])
    await db.query(sql`drop publication by_leaf`)
  })

  test('a table without periods, and one that is not there', async () => {
    await database().db.query(sql`create table flat (played_at timestamptz, id int)`)
    expect(await refused(declare('flat'))).toEqual(['slim, packed, cold: it has no partitions by time or by ids'])
    expect(await refused(declare('nowhere'))).toEqual([])
  })

  test('a move is refused with the way out; the rest of the reasons stand below', async () => {
    await create('twofold', 'pgstrata_id int', 'alter table twofold enable row level security')
    await expect(requireAllowed(database().db, declare('twofold'), 'packed')).rejects.toMatchObject({
      code: 'TIER_REFUSED',
      message: expect.stringContaining('Table public.twofold cannot be packed: it has row security'),
      advice: 'Keep it hot, or drop its policies and disable row security.',
      notes: [expect.stringContaining('pgstrata_id')],
    })
    await expect(requireAllowed(database().db, declare('twofold'), 'slim')).rejects.toMatchObject({ notes: [] })
  })
})
