// A command that ends closes what it opened, the last first, whatever has failed; and tells what did.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { waitUntil } from '../../support/wait.ts'

const command = fileURLToPath(new URL('../../../examples/kit/src/command.ts', import.meta.url))
const root = fileURLToPath(new URL('../../../', import.meta.url))

const opening = `
  atEnd(async () => tell('first'))
  atEnd(async () => { throw new KitError('The second cannot be closed') })
  atEnd(async () => tell('third'))
`

interface Started {
  readonly said: () => string
  readonly told: () => string
  readonly ended: Promise<number | null>
  stop(): void
}

async function start(work: string): Promise<Started> {
  const file = join(await temporaryFolder(), 'command.ts')
  await writeFile(
    file,
    `import { createServer } from 'node:net'
     import { runCommand, tell, untilStopped } from ${JSON.stringify(command)}
     import { KitError } from ${JSON.stringify(command.replace('command.ts', 'kit-error.ts'))}
     await runCommand(async (signal, atEnd) => {${work}})`,
  )
  const child = spawn(process.execPath, ['--import', 'jiti/register', file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { said: () => out, told: () => err, ended, stop: () => void child.kill('SIGTERM') }
}

test('where its work fails, everything is closed, each failure is told, and the first decides how it ends', async () => {
  const run = await start(`${opening} process.exitCode = 0; throw new KitError('The work failed')`)
  expect(await run.ended).toBe(1)
  expect(run.said()).toBe('third\nfirst\n')
  expect(run.told()).toBe('The work failed\nThe second cannot be closed\n')
})

test('told to stop it closes in order, and has not failed', async () => {
  const run = await start(`
    const server = createServer().listen(0, '127.0.0.1')
    atEnd(async () => { server.close(); tell('closed') })
    tell('open')
    await untilStopped(signal)`)
  // A process of these loads the library first.
  await waitUntil(() => run.said() === 'open\n', { what: 'it is open', timeoutMs: 30_000 })
  run.stop()
  expect(await run.ended).toBe(0)
  expect([run.said(), run.told()]).toEqual(['open\nclosed\n', ''])
})
