// What others can import. The snapshot is the public list with its types: a change of it is a change of the contract, so
// it is looked at in review and told in CHANGELOG.md. PGSTRATA_UPDATE=1 writes it anew.

import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { messageOf } from '../../src/base/errors.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { describeSurface } from './declarations.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const snapshotFile = fileURLToPath(new URL('snapshots/api.txt', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly name: string
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
}
const entries = Object.entries(manifest.exports).flatMap(([subpath, target]) =>
  typeof target === 'string'
    ? []
    : [
        {
          name: `${manifest.name}${subpath.slice(1)}`,
          types: join(root, target.types),
          code: join(root, target.default),
        },
      ],
)

beforeAll(() => {
  if (!existsSync(join(root, 'dist'))) throw new Error('There is no dist: npm run build')
})

test('the public declarations are those of the snapshot', async () => {
  const surface = await describeSurface(entries, {
    folder: join(root, 'dist'),
    typeRoots: [join(root, 'node_modules/@types')],
  })
  if (process.env['PGSTRATA_UPDATE'] === '1') writeFileSync(snapshotFile, surface)
  expect(surface).toBe(readFileSync(snapshotFile, 'utf8'))
})

test.each(entries)('$name exists, and is written in the source as it is built', async ({ code, types }) => {
  expect([code, types].filter((path) => !existsSync(path))).toEqual([])
  const source = code.replace(join(root, 'dist'), join(root, 'src')).replace(/\.js$/, '.ts')
  const [built, written] = (await Promise.all([
    import(pathToFileURL(code).href),
    import(pathToFileURL(source).href),
  ])) as object[]
  expect(Object.keys(built ?? {}).toSorted()).toEqual(Object.keys(written ?? {}).toSorted())
  expect(Object.keys(built ?? {}).length).toBeGreaterThan(0)
})

test.each(entries)('importing $name opens nothing, prints nothing, takes no time', async ({ code }) => {
  const { printed, told } = await importElsewhere(code)
  expect(printed).toBe('')
  expect(told).toMatchObject({ opened: [], listeners: [] })
  // 0.3 s on a machine with nothing else to do; the bound is for a busy one.
  expect(told.tookMs).toBeLessThan(5_000)
})

test('a module that leaves a timer, a listener and a word behind is found out', async () => {
  const code = join(await temporaryFolder(), 'loud.mjs')
  writeFileSync(code, `setTimeout(() => {}, 200); process.on('SIGUSR2', () => {}); console.log('hello')`)
  const { printed, told } = await importElsewhere(code)
  expect(printed).toBe('hello\n')
  expect(told.opened).toContain('Timeout')
  expect(told.listeners).toContain('SIGUSR2')
})

test('a subpath that is not exported cannot be reached', async () => {
  const failure = await run(
    process.execPath,
    ['--input-type=module', '-e', `await import('pgstrata/base/errors.js')`],
    { cwd: root },
  ).then(
    () => 'it was reached',
    (error: unknown) => messageOf(error),
  )
  expect(failure).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
})

interface Told {
  readonly tookMs: number
  readonly opened: readonly string[]
  readonly listeners: readonly string[]
}

/** In a process of its own, which must end by itself: a timer or a socket left open runs into the time limit. */
async function importElsewhere(code: string): Promise<{ printed: string; told: Told }> {
  const script = `
    void [process.stdin, process.stdout, process.stderr]
    await new Promise((resolve) => setImmediate(resolve))
    const resources = process.getActiveResourcesInfo()
    const events = process.eventNames()
    const begun = performance.now()
    await import(${JSON.stringify(pathToFileURL(code).href)})
    const tookMs = performance.now() - begun
    await new Promise((resolve) => setImmediate(resolve))
    const told = {
      tookMs,
      opened: process.getActiveResourcesInfo().slice(resources.length),
      listeners: process.eventNames().filter((name) => !events.includes(name)),
    }
    process.on('exit', () => process.stdout.write('\\0' + JSON.stringify(told)))`
  const args = ['--input-type=module', '-e', script]
  const { stdout, stderr } = await run(process.execPath, args, { cwd: root, timeout: 20_000 })
  const [printed = '', told = ''] = stdout.split('\0')
  return { printed: printed + stderr, told: JSON.parse(told) as Told }
}
