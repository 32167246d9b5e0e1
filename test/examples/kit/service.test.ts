// A service that outlives who starts it: replaced without a gap, kept when it fails, ended only by its own keeper.

import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { serviceStatus, startService, stopService, type ServiceStatus } from 'pgstrata-example-kit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { aliveOf } from '../../support/processes.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { waitUntil } from '../../support/wait.ts'

const kit = fileURLToPath(new URL('../../../examples/kit/src/', import.meta.url))

/** As an app's main.ts is: what it says of itself comes from its environment. */
const wholeApp = `
import { createApp } from ${JSON.stringify(join(kit, 'app.ts'))}
import { runCommand, untilStopped } from ${JSON.stringify(join(kit, 'command.ts'))}

await runCommand(async (signal) => {
  const app = createApp()
  app.get('/', async () => ({ version: process.env.VERSION }))
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
  await untilStopped(signal)
  await app.close()
})
`

/** The same without what takes seconds to load. */
const smallApp = `
import cluster from 'node:cluster'
import { createServer } from 'node:http'

if (process.env.BROKEN === 'ends') throw new Error('cannot start like this')
const server = createServer((request, response) => {
  if (request.method === 'POST') process.exit(3)
  const isUnready = request.url !== '/' && process.env.BROKEN === 'unready'
  response.writeHead(isUnready ? 503 : 200, { 'x-worker': String(cluster.worker.id) })
  response.end(JSON.stringify({ version: process.env.VERSION }))
})
server.listen(Number(process.env.PORT), '127.0.0.1')
process.once('SIGTERM', () => server.close(() => process.exit()))
`

interface Site {
  readonly folder: string
  readonly url: string
  start(env?: Readonly<Record<string, string>>, readyMs?: number): Promise<ServiceStatus>
  version(): Promise<string>
}

async function createSite(source = smallApp): Promise<Site> {
  const folder = await temporaryFolder()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  await mkdir(join(folder, 'src'))
  const entry = join(folder, 'src', source === smallApp ? 'main.mjs' : 'main.ts')
  await writeFile(entry, source)
  onTestFinished(async () => void (await stopService({ folder })))
  return {
    folder,
    url,
    start: (env = {}, readyMs = 30_000) =>
      startService({
        folder,
        entry,
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: String(port), ...env },
        readyUrl: `${url}/health/ready`,
        readyMs,
      }),
    version: async () => {
      const answer = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(20_000) })
      return ((await answer.json()) as { version: string }).version
    },
  }
}

describe('a service', () => {
  test('is started, replaced without a refused request, and stopped', async () => {
    const site = await createSite(wholeApp)
    expect(await serviceStatus(site)).toBeUndefined()
    expect(await stopService(site)).toBe(false)

    const first = await site.start({ VERSION: 'one' })
    expect(await site.version()).toBe('one')
    expect(await serviceStatus(site)).toEqual(first)
    expect(await readFile(join(site.folder, '.pgstrata', 'service.pid'), 'utf8')).toBe(`${first.keeper}\n`)

    const seen = new Set<string>()
    let isRolling = true
    const asking = (async () => {
      while (isRolling) seen.add(await site.version())
    })()
    const second = await site.start({ VERSION: 'two' }).finally(() => (isRolling = false))
    await asking
    expect(await site.version()).toBe('two')
    expect(seen.has('one')).toBe(true)
    expect([second.keeper, second.restarts]).toEqual([first.keeper, 0])
    expect(await aliveOf([first.pid ?? 0])).toEqual([])

    expect(await stopService(site)).toBe(true)
    await expect(site.version()).rejects.toThrow('fetch failed')
    await waitUntil(async () => (await aliveOf([second.pid ?? 0, second.keeper])).length === 0, { what: 'both ended' })
    expect(await serviceStatus(site)).toBeUndefined()
  })

  test('goes on where the new one ends, or does not get ready', async () => {
    const site = await createSite()
    const first = await site.start({ VERSION: 'one' })
    await expect(site.start({ VERSION: 'two', BROKEN: 'ends' })).rejects.toThrow(
      /ended before it was ready \(exit code 1\)[^]*cannot start like this/,
    )
    await expect(site.start({ VERSION: 'two', BROKEN: 'unready' }, 1_500)).rejects.toThrow(
      /was not ready within 1\.5 s: GET .*\/health\/ready did not answer 200/,
    )
    expect(await serviceStatus(site)).toEqual(first)
    expect(await site.version()).toBe('one')
  })

  test('is started again when it ends by itself, or is killed', async () => {
    const site = await createSite()
    const first = await site.start({ VERSION: 'one' })
    await fetch(site.url, { method: 'POST' }).catch(() => undefined)
    const again = await waitUntil(
      async () => {
        const status = await serviceStatus(site)
        return status?.restarts === 1 && status.pid !== null && status
      },
      { what: 'another process serves', timeoutMs: 30_000 },
    )
    expect(again.pid).not.toBe(first.pid)
    expect(await site.version()).toBe('one')
    expect(await readFile(again.logPath, 'utf8')).toContain(`process ${first.pid ?? 0} ended by itself (exit code 3)`)
  })

  test('ends with its keeper, and the next start begins anew', async () => {
    const site = await createSite()
    const first = await site.start({ VERSION: 'one' })
    process.kill(first.keeper, 'SIGKILL')
    await waitUntil(async () => (await aliveOf([first.keeper, first.pid ?? 0])).length === 0, { what: 'both are gone' })
    const second = await site.start({ VERSION: 'two' })
    expect(second.keeper).not.toBe(first.keeper)
    expect(await site.version()).toBe('two')
  })

  test('does not start where another process has the port, and leaves no keeper', async () => {
    const site = await createSite()
    const other = createServer((_, response) => response.end('other'))
    onTestFinished(() => void other.close())
    other.listen(Number(new URL(site.url).port), '127.0.0.1')
    await once(other, 'listening')
    await expect(site.start()).rejects.toThrow(/^Port \d+ of 127\.0\.0\.1: expected it to be free/)
    expect(await serviceStatus(site)).toBeUndefined()
  })

  test('a number in a file is nobody to be ended', async () => {
    const site = await createSite()
    await mkdir(join(site.folder, '.pgstrata'))
    await writeFile(join(site.folder, '.pgstrata', 'service.pid'), `${process.pid}\n`)
    expect(await stopService(site)).toBe(false)
    await rm(join(site.folder, '.pgstrata'), { recursive: true })
  })
})
