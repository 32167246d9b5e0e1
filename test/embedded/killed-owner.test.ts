import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster, type ClusterOptions } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { aliveOf, processesWith } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { waitUntil } from '../support/wait.ts'
import { typescript } from '../support/typescript.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Owned {
  readonly dataDir: string
  readonly pid: number
  readonly url: string
  end(signal: NodeJS.Signals): Promise<void>
}

/** A cluster of another process. */
async function startElsewhere(options: ClusterOptions & { readonly exit?: boolean }): Promise<Owned> {
  const owner = spawn(
    process.execPath,
    ['--import', typescript, 'test/support/cluster-owner.ts', JSON.stringify(options)],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [line] = (await once(createInterface(owner.stdout), 'line')) as [string]
  const told = JSON.parse(line) as Omit<Owned, 'end'>
  return {
    ...told,
    end: async (signal) => {
      const ended = once(owner, 'exit')
      owner.kill(signal)
      await ended
    },
  }
}

it('cleans up after a killed process that had a kept cluster: its servers end, its data stays', async () => {
  const dataDir = await temporaryFolder()
  const options = { dataDir, replicas: 1, durable: false }
  const owned = await startElsewhere(options)
  const db = openDb({ url: owned.url })
  await db.query(sql`create table plays (id int); insert into plays values (7)`)
  await expect(startCluster(options)).rejects.toMatchObject({ code: 'EMBEDDED_FAILED' })

  const orphans = await processesWith(dataDir)
  expect(orphans.length).toBeGreaterThanOrEqual(2)
  await owned.end('SIGKILL')
  await db.close()

  const cluster = await startCluster(options)
  expect(await aliveOf(orphans)).toEqual([])
  expect(cluster.reused).toBe(true)
  const again = openDb({ url: cluster.primary.url() })
  expect((await again.query(sql`select id from plays`)).rows).toEqual([{ id: 7 }])
  await again.close()
  await cluster.replicas[0]?.waitFor()
  await cluster.stop()
  expect(await processesWith(dataDir)).toEqual([])
})

it('cleans up after a killed process that had a temporary cluster: nothing of it stays', async () => {
  const owned = await startElsewhere({ replicas: 1 })
  const alive = await startElsewhere({})
  const orphans = await processesWith(owned.dataDir)
  expect(orphans.length).toBeGreaterThanOrEqual(2)
  await owned.end('SIGKILL')

  const cluster = await startCluster()
  // Another process that starts a cluster just now may be at it.
  await waitUntil(async () => (await aliveOf(orphans)).length === 0 && !existsSync(owned.dataDir), {
    what: 'that nothing of it stays',
  })
  // That of a living process is left alone.
  expect(await aliveOf([alive.pid])).toEqual([alive.pid])
  expect(existsSync(alive.dataDir)).toBe(true)

  await alive.end('SIGKILL')
  const last = await startCluster()
  await waitUntil(() => !existsSync(alive.dataDir), { what: 'that nothing of it stays' })
  await Promise.all([cluster.stop(), last.stop()])
})

it('ends its servers with a process that ends by itself', async () => {
  const owned = await startElsewhere({ exit: true })
  await waitUntil(async () => (await processesWith(owned.dataDir)).length === 0, {
    what: 'the server ends with its owner',
  })
})
