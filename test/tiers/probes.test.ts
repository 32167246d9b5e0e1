// What `doctor` says of tiers: moves that fail, views that do not see what is packed, and archives that are not whole.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Probe, ProbeResult } from '../../src/base/probe.ts'
import { resolveConfig } from '../../src/config/index.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { run } from './exchange-support.ts'
import { createPlays, tieredTables } from './plays-support.ts'

function open(url: string, more: object): Strata {
  const written = { database: { primary: url }, ...more }
  const strata = openStrata(resolveConfig<unknown>(written, { root: '/nowhere', name: 'pgstrata.config.ts' }))
  onTestFinished(() => strata.close())
  return strata
}

async function ask({ tiers: { probes } }: Strata, name: string): Promise<ProbeResult | undefined> {
  return await probes.find((probe: Probe) => probe.name === name)?.run()
}

describeOnEachVersion('probes of tiers', (_version, database) => {
  test('are not asked where nothing is declared', () => {
    expect(open(database().url, {}).tiers.probes).toEqual([])
  })

  test('warn of what is not applied, and of views that are blind to packed rows', async () => {
    const { db, url } = database()
    await createPlays(db)
    const strata = open(url, { tables: tieredTables })
    expect(await ask(strata, 'tiers')).toMatchObject({
      verdict: 'warn',
      found: 'plays: its tiers are declared and not applied: nothing is moved',
    })
    await strata.apply()
    expect(await ask(strata, 'tiers')).toEqual({ verdict: 'ok', found: '1 table, 0 partitions moved' })
    await run(
      db,
      'create view by_song as select song, count(*) from plays group by song',
      'create view all_plays as select * from plays_history',
      'create view both_plays as select h.id from plays_history as h join plays as p using (id)',
    )
    expect(await ask(strata, 'readers')).toMatchObject({
      verdict: 'warn',
      found: 'by_song reads plays and not plays_history',
    })
    await run(db, 'drop view by_song')
    expect(await ask(strata, 'readers')).toMatchObject({ verdict: 'ok' })
  })

  test('fail where the store is not there, and where an archive is not what was written', async () => {
    const { db, url } = database()
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'a file'), '')
    const gone = open(url, { tables: tieredTables, archive: { to: join(folder, 'a file', 'store') } })
    expect(await ask(gone, 'archive')).toMatchObject({ verdict: 'fail' })
    const strata = open(url, { tables: tieredTables, archive: { to: join(folder, 'store') } })
    expect(await ask(strata, 'archive')).toMatchObject({
      verdict: 'ok',
      found: expect.stringMatching(/0 archives$/) as string,
    })
    await run(
      db,
      `insert into pgstrata.archive (schema_name, table_name, partition_name, lower_bound, upper_bound, store, prefix, state,
        columns, definition, server_version)
      values ('public', 'plays', 'plays_2020_01', 'a', 'b', 'file:///', 'p', 'verified', '[]', '', 180000)`,
    )
    expect(await ask(strata, 'archive')).toMatchObject({ found: expect.stringMatching(/1 archive$/) as string })
    await run(db, `update pgstrata.archive set check_failure = 'file 1 is damaged'`)
    expect(await ask(strata, 'archive')).toMatchObject({ verdict: 'fail', found: 'plays_2020_01: file 1 is damaged' })
    await run(db, `update pgstrata.archive set state = 'lost'`)
    expect(await ask(strata, 'archive')).toMatchObject({ verdict: 'fail', found: 'archive of plays_2020_01 is lost' })
  })
})
