import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openLog, tailOf } from '../../src/embedded/log-file.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

it('puts a log that has grown large aside and begins it anew', async () => {
  const path = join(await temporaryFolder(), 'primary.log')
  await writeFile(path, 'x'.repeat(16 * 1024 ** 2 + 1))
  const log = await openLog(path)
  await log.write('first line\n\nlast line\n')
  await log.close()
  expect((await stat(`${path}.1`)).size).toBe(16 * 1024 ** 2 + 1)
  expect(await tailOf(path)).toEqual(['first line', 'last line'])
  expect(await tailOf(path, 'first line\n'.length)).toEqual(['last line'])
  expect(await tailOf(`${path}.missing`)).toEqual([])
})
