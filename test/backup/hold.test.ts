// Who proves a repository and who removes from it never do so at once.

import { chmod, chown, lstat, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withHold, type HoldRequest } from '../../src/backup/hold.ts'
import { systemClock } from '../../src/base/clock.ts'
import { findRunUser } from '../../src/embedded/host.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('the second has it when the first lets go, or does without', async () => {
  const dir = await temporaryFolder()
  const request = (waitMs: number): HoldRequest => ({
    dir,
    account: undefined,
    clock: systemClock,
    waitMs,
    signal: undefined,
  })
  const order: string[] = []
  let second: Promise<string | undefined> | undefined
  const first = await withHold(request(0), async () => {
    expect(await withHold(request(0), () => Promise.resolve('never'))).toBeUndefined()
    second = withHold(request(30_000), () => Promise.resolve(order.push('second')).then(() => 'had it'))
    order.push('first')
    return 'done'
  })
  expect([first, await second]).toEqual(['done', 'had it'])
  expect(order).toEqual(['first', 'second'])
  expect(await readdir(dir)).toEqual([])
})

test('it is let go where the work fails', async () => {
  const dir = await temporaryFolder()
  const request = { dir, account: undefined, clock: systemClock, waitMs: 0, signal: undefined }
  await expect(withHold(request, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await withHold(request, () => Promise.resolve('again'))).toBe('again')
})

const isRoot = process.getuid?.() === 0
const had = (dir: string, account?: HoldRequest['account']): Promise<string | undefined> =>
  withHold({ dir, account, clock: systemClock, waitMs: 0, signal: undefined }, () => Promise.resolve('had'))

test('a folder into which others could put something is not used, nor anything written there', async () => {
  const folder = await temporaryFolder()
  const refusal = { code: 'BACKUP_FAILED', message: expect.stringContaining('Others could put something into') }
  const real = join(folder, 'real')
  await mkdir(real)
  await symlink(real, join(folder, 'link'))
  await expect(had(join(folder, 'link'))).rejects.toMatchObject(refusal)
  for (const mode of [0o777, 0o1777, 0o775]) {
    await chmod(real, mode)
    await expect(had(real)).rejects.toMatchObject(refusal)
    expect((await lstat(real)).mode & 0o7777).toBe(mode)
  }
  if (isRoot) {
    await chmod(real, 0o755)
    await chown(real, 54_321, 54_321)
    await expect(had(real)).rejects.toMatchObject(refusal)
    expect((await lstat(real)).uid).toBe(54_321)
  }
  expect(await readdir(real)).toEqual([])
})

test.runIf(isRoot)("what root makes is the account's, so that it can go on there itself", async () => {
  const folder = await temporaryFolder()
  await chmod(folder, 0o755)
  const account = await findRunUser()
  const dir = join(folder, 'made')
  expect(await had(dir, account)).toBe('had')
  const { uid, mode } = await stat(dir)
  expect([uid, mode & 0o777]).toEqual([account?.uid, 0o755])
  expect(await had(dir, account)).toBe('had')
})

test('what the system says of the folder is told', async () => {
  const file = join(await temporaryFolder(), 'file')
  await writeFile(file, '')
  await expect(had(join(file, 'below'))).rejects.toMatchObject({
    code: 'BACKUP_FAILED',
    message: expect.stringContaining('cannot be used by'),
  })
})
