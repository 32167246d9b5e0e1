// An app's own server: started from its configuration, kept from start to start, refused to a second process; filled before it is durable.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openDb, openStrata, sql } from 'pgstrata'
import { describeFailure, openEmbedded, type Embedded, type EmbeddedOptions } from 'pgstrata-example-kit'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { typescript } from '../../support/typescript.ts'
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

async function open(folder: string, options: Omit<EmbeddedOptions, 'folder'> = {}): Promise<Embedded<unknown>> {
  const embedded = await openEmbedded({ folder, ...options })
  onTestFinished(() => embedded.stop())
  return embedded
}

async function ask(url: string, text: string): Promise<readonly object[]> {
  const db = openDb({ url, max: 1 })
  try {
    return (await db.query(sql.raw(text))).rows
  } finally {
    await db.close()
  }
}

const howItRuns = `
  select current_setting('fsync') as fsync, current_setting('full_page_writes') as pages, current_setting('wal_level') as wal,
    current_setting('work_mem') as memory`
const titles = 'select title from song'

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
  const second = await open(folder, { replicas: 0 })
  expect([second.reused, second.replicaUrls, second.dataDir]).toEqual([true, [], first.dataDir])
  const again = openStrata(second.config)
  expect((await again.query(sql`select title from song`)).rows).toEqual([{ title: 'Mycelium' }])
  await again.close()
})

test('new data is filled on a server that flushes nothing, and given back durable, with its replica; kept data is left alone', async () => {
  const folder = await createApp()
  const filled: unknown[] = []
  const bar: string[] = []
  const fill: NonNullable<EmbeddedOptions['fill']> = {
    work: async ({ url }) => {
      await ask(url, `create table song (title text); insert into song values ('Mycelium')`)
      filled.push(...(await ask(url, howItRuns)))
    },
    settings: { work_mem: '9MB' },
    progress: ({ label, total }) => ({
      add: () => void bar.push(`${label} of ${total}`),
      set: () => undefined,
      finish: () => void bar.push('done'),
    }),
  }
  const first = await open(folder, { fill })
  expect(filled).toEqual([{ fsync: 'off', pages: 'off', wal: 'minimal', memory: '9MB' }])
  expect(await ask(first.url, howItRuns)).toEqual([{ fsync: 'on', pages: 'on', wal: 'logical', memory: '4MB' }])
  expect([first.reused, first.replicaUrls.length]).toEqual([false, 1])
  expect(await ask(first.replicaUrls[0] ?? '', titles)).toEqual([{ title: 'Mycelium' }])
  expect(bar).toEqual(['Servers of 2', 'Servers of 2', 'done'])
  await first.stop()

  const second = await open(folder, { fill, replicas: 0 })
  expect([second.reused, filled.length]).toEqual([true, 1])
  expect(await ask(second.url, titles)).toEqual([{ title: 'Mycelium' }])
})

test('data whose filling was cut off is not taken for whole: the next start begins with none', async () => {
  const folder = await createApp()
  const titlesBefore: unknown[] = []
  const work = async ({ url }: { readonly url: string }): Promise<void> => {
    titlesBefore.push(await ask(url, `select to_regclass('song') as song`))
    await ask(url, `create table song (title text); insert into song values ('Mycelium')`)
  }
  const stopped = openEmbedded({
    folder,
    fill: {
      work: async (server) => {
        await work(server)
        throw new Error('Stopped')
      },
    },
  })
  await expect(stopped).rejects.toThrow('Stopped')
  await killWhileFilling(folder)
  const embedded = await open(folder, { replicas: 0, fill: { work } })
  expect(titlesBefore).toEqual([[{ song: null }], [{ song: null }]])
  expect([embedded.reused, await ask(embedded.url, titles)]).toEqual([false, [{ title: 'Mycelium' }]])
  await embedded.stop()
  expect(await readdir(join(folder, '.pgstrata/data'))).not.toContain('.filling')
})

/** In a process of its own, which had put some rows in. */
async function killWhileFilling(folder: string): Promise<void> {
  const script = fileURLToPath(new URL('filling-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', typescript, script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const [url] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [unknown]
  expect(await ask(String(url), titles)).toEqual([{ title: 'Half a song' }])
  child.kill('SIGKILL')
  await ended
}

test('a first start that is cut off before there is anything to fill is begun anew; a refused one touches nothing', async () => {
  const folder = await createApp()
  let fills = 0
  const fill = { work: async () => void fills++ }
  await expect(openEmbedded({ folder, fill, signal: AbortSignal.abort() })).rejects.toThrow('Interrupted')
  expect(await readdir(join(folder, '.pgstrata', 'data'))).toContain('.filling')
  const embedded = await open(folder, { replicas: 0, fill })
  await expect(openEmbedded({ folder, fill, reset: true })).rejects.toThrow('is being run by process')
  expect([fills, (await readdir(join(folder, '.pgstrata', 'data'))).includes('.filling')]).toEqual([1, false])
  await embedded.stop()
  expect((await open(folder, { replicas: 0, fill })).reused).toBe(true)
})
