// A program of others ends with all that it began when it is called off.

import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { runTool } from '../../src/backup/tool.ts'
import { systemClock } from '../../src/base/clock.ts'
import { aliveOf } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { waitUntil } from '../support/wait.ts'

const run = { user: undefined, clock: systemClock, install: 'Install it.' }

test('its answer is its exit code and both of what it said', async () => {
  const args = ['-c', 'echo said; echo complained >&2; exit 3']
  expect(await runTool({ ...run, file: 'sh', args })).toEqual({ code: 3, out: 'said\n', err: 'complained\n' })
  const missing = runTool({ ...run, file: 'no-such-program', args: [] })
  await expect(missing).rejects.toMatchObject({ code: 'DEPENDENCY_MISSING', advice: 'Install it.' })
})

test('called off, it goes with those that it began, also with one that is deaf', async () => {
  const path = join(await temporaryFolder(), 'pid')
  const calling = new AbortController()
  const script = `(trap '' TERM; exec >/dev/null 2>&1; while :; do sleep 1; done) & echo $! > ${path}; wait`
  const ended = runTool({ ...run, file: 'sh', args: ['-c', script], signal: calling.signal })
  const pid = await waitUntil(async () => Number((await readFile(path, 'utf8').catch(() => '')).trim()) || undefined, {
    what: 'it has begun another',
  })
  calling.abort()
  await expect(ended).rejects.toMatchObject({ code: 'INTERRUPTED' })
  await waitUntil(async () => (await aliveOf([pid])).length === 0, { what: 'the other has ended' })
})
