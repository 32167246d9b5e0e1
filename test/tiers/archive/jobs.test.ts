// What is done about archives by itself: they are read back, and those that nothing needs any more are removed.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveConfig, type StrataConfig } from '../../../src/config/index.ts'
import { openStrata, type Strata } from '../../../src/strata.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { run, textsOf } from '../exchange-support.ts'
import { filesBelow } from './life-support.ts'

const months = ['01', '02', '03'] as const

describeOnEachVersion('archives', (_, database) => {
  test('are read back and removed by jobs', async () => {
    const { db, url } = database()
    const base = await temporaryFolder()
    const folder = join(base, 'store')
    await run(
      db,
      `create table plays (id bigint, at timestamptz not null) partition by range (at)`,
      ...months.map(
        (month, index) =>
          `create table plays_2020_${month} partition of plays for values from ('2020-${month}-01Z') to ('2020-0${index + 2}-01Z')`,
      ),
      `insert into plays select m, make_timestamptz(2020, m, 5, 0, 0, 0, 'UTC') from generate_series(1, 3) as m`,
    )
    const open = (after: string, more: Partial<NonNullable<StrataConfig['archive']>> = {}): Strata =>
      openStrata(
        resolveConfig<unknown>(
          {
            database: { primary: url },
            tables: { plays: { time: 'at', partition: 'month', cold: { after } } },
            archive: { to: folder, work: join(base, 'work'), verify: { share: 1 }, ...more },
          },
          { root: base, name: 'pgstrata.config.ts' },
        ),
      )
    const states = (): Promise<readonly string[]> =>
      textsOf(db, `select partition_name || ' ' || state as text from pgstrata.archive order by id`)
    const strata = open('100 years')
    try {
      await strata.apply()
      for (const month of months) await strata.tiers.move('plays', `plays_2020_${month}`, 'archive')
      await strata.tiers.move('plays', 'plays_2020_01', 'drop')
      await strata.tiers.abort('plays', 'plays_2020_02')
      await run(db, `insert into plays values (4, '2020-03-06Z')`)
      await strata.tiers.move('plays', 'plays_2020_03', 'drop')
      expect(await states()).toEqual([
        'plays_2020_01 only copy',
        'plays_2020_02 superseded',
        'plays_2020_03 superseded',
        'plays_2020_03 verified',
      ])
      expect(await filesBelow(folder)).toHaveLength(8)
      expect(await strata.jobs.runNow('archive-retain')).toMatchObject({ did: '2 archives removed', warnings: [] })
      expect(await states()).toEqual([
        'plays_2020_01 only copy',
        'plays_2020_02 removed',
        'plays_2020_03 removed',
        'plays_2020_03 verified',
      ])
      const left = await filesBelow(folder)
      expect(left).toHaveLength(4)

      expect(await strata.jobs.runNow('archive-verify')).toMatchObject({ did: '2 archives read back', warnings: [] })
      await writeFile(join(folder, left.find((path) => path.endsWith('1.parquet')) ?? ''), 'nothing')
      expect(await strata.jobs.runNow('archive-verify')).toMatchObject({
        did: '2 archives read back',
        warnings: [expect.stringContaining('got 7') as string],
      })
    } finally {
      await strata.close()
    }
    // Older than they are to be kept: but for that of a partition which is being moved.
    const short = open('1 year', { retain: '2 years' })
    try {
      // In a copy of the database: they are those of the original.
      await run(db, `update pgstrata.archive set made_in = 'another'`)
      expect(await short.jobs.runNow('archive-retain')).toMatchObject({
        did: '',
        warnings: [expect.stringMatching(/^public\.plays_2020_01 .* is kept: another database made it/) as string],
      })
      expect(await filesBelow(folder)).toHaveLength(4)
      await run(db, `update pgstrata.archive set made_in = numbered_in`)
      expect(await short.jobs.runNow('archive-retain')).toMatchObject({ did: '1 archive removed', warnings: [] })
      expect((await states())[0]).toBe('plays_2020_01 removed')
      expect(
        await textsOf(db, `select partition_name as text from pgstrata.tier_partition where state = 'cold'`),
      ).toEqual([])
      await short.tiers.abort('plays', 'plays_2020_03')
    } finally {
      await short.close()
    }
    const [number = ''] = await textsOf(db, `select max(id)::text as text from pgstrata.archive`)
    const elsewhere = open('100 years', { to: join(base, 'other') })
    try {
      expect(await elsewhere.jobs.runNow('archive-retain')).toMatchObject({
        did: '',
        warnings: [expect.stringMatching(/store is not declared any more$/) as string],
      })
      await expect(elsewhere.archive?.forget(number, { onlyCopy: true })).rejects.toMatchObject({
        message: expect.stringContaining('a store that is not declared') as string,
      })
    } finally {
      await elsewhere.close()
    }
    const copy = open('100 years')
    try {
      await run(db, `update pgstrata.archive set made_in = 'another'`)
      await expect(copy.archive?.forget(number)).rejects.toMatchObject({
        message: expect.stringContaining('made by another database') as string,
      })
      expect(await filesBelow(folder)).toHaveLength(2)
      await copy.archive?.forget(number, { onlyCopy: true })
      expect(await filesBelow(folder)).toEqual([])
    } finally {
      await copy.close()
    }
  })
})
