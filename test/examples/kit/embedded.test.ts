// An app's own server: started from its configuration, kept from start to start, refused to a second process.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openStrata, sql } from 'pgstrata'
import { describeFailure, openEmbedded, type Embedded } from 'pgstrata-example-kit'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { versions } from '../../support/versions.ts'

const version = versions[0] ?? 18

async function createApp(): Promise<string> {
  const folder = await temporaryFolder()
  const config = {
    database: { primary: 'postgres://nobody@127.0.0.1:1/app' },
    dev: { version, replicas: 1, database: 'app' },
  }
  await writeFile(join(folder, 'pgstrata.config.json'), JSON.stringify(config))
  return folder
}

async function open(folder: string, replicas?: number): Promise<Embedded<unknown>> {
  const embedded = await openEmbedded({ folder, ...(replicas === undefined ? {} : { replicas }) })
  onTestFinished(() => embedded.stop())
  return embedded
}

test('an app works on it, finds its data again, and is alone on it', async () => {
  const folder = await createApp()
  const first = await open(folder)
  expect([first.reused, first.replicaUrls.length, first.version.split('.')[0]]).toEqual([false, 1, String(version)])
  const strata = openStrata(first.config)
  await strata.query(sql`create table song (title text)`)
  await strata.query(sql`insert into song values ('Mycelium')`)
  expect((await strata.readNodes()).map(({ node, role }) => [node, role])).toEqual([
    ['primary', 'primary'],
    ['replica-1', 'replica'],
  ])
  await strata.close()

  const refused = await openEmbedded({ folder }).catch((error: unknown) => describeFailure(error))
  expect(refused).toContain(`is being run by process ${process.pid}`)
  expect(refused).toContain('→ Use that one, end it')

  await first.stop()
  const second = await open(folder, 0)
  expect([second.reused, second.replicaUrls, second.dataDir]).toEqual([true, [], first.dataDir])
  const again = openStrata(second.config)
  expect((await again.query(sql`select title from song`)).rows).toEqual([{ title: 'Mycelium' }])
  await again.close()
})
