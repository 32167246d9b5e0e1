// What is published: packed as for the registry, then looked at by publint and Are The Types Wrong.

import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

interface Packed {
  readonly files: readonly string[]
  readonly tarball: Uint8Array<ArrayBuffer>
}

async function pack(folder: string): Promise<Packed> {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    maxBuffer: 2 ** 24,
  })
  const answer = JSON.parse(stdout) as unknown
  // A list up to npm 11, an object by package name from npm 12 on.
  const [made] = Object.values(
    answer as Record<string, { readonly filename: string; readonly files: readonly { readonly path: string }[] }>,
  )
  if (made === undefined) throw new Error('npm pack packed nothing')
  const tarball = new Uint8Array(await readFile(join(folder, made.filename)))
  await rm(folder, { recursive: true })
  return { files: made.files.map(({ path }) => path), tarball }
}

let packed: Packed
beforeAll(async () => {
  packed = await pack(await mkdtemp(join(tmpdir(), 'pgstrata-pack-')))
})

test('the package holds the built code, its types and what a reader needs, and nothing else', async () => {
  const { files } = packed
  const beside = files.filter((path) => !path.startsWith('dist/'))
  expect.soft(beside.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'])
  const inside = files.filter((path) => path.startsWith('dist/'))
  expect.soft(inside.filter((path) => !/\.(js|d\.ts)$/.test(path))).toEqual([])
  expect.soft(inside.filter((path) => /\/tests?\/|\.test\.|\.map$/.test(path))).toEqual([])
  const alone = inside.filter(
    (path) =>
      !inside.includes(path.endsWith('.d.ts') ? path.replace(/\.d\.ts$/, '.js') : path.replace(/\.js$/, '.d.ts')),
  )
  expect.soft(alone).toEqual([])
  expect.soft(inside).toContain('dist/cli/main.js')
})

test('publint has nothing to say', async () => {
  const { messages } = await publint({ pack: { tarball: packed.tarball.buffer }, strict: true })
  expect(messages).toEqual([])
})

interface Accepted {
  readonly kind: Problem['kind']
  /** Only in this way of resolving; default: in each. */
  readonly mode?: string
  readonly reason: string
}

const accepted: readonly Accepted[] = [
  {
    kind: 'CJSResolvesToESM',
    reason: 'ESM only: require() of it works in every Node that is supported (20.19 and up)',
  },
  { kind: 'NoResolution', mode: 'node10', reason: 'that mode knows no "exports"; TypeScript 7 has dropped it' },
]

test('types resolve wherever the code does', async () => {
  const result = await checkPackage(createPackageFromTarballData(packed.tarball))
  if (result.types === false) throw new Error('The package has no types')
  const isAccepted = (problem: Problem): boolean =>
    accepted.some(
      ({ kind, mode }) =>
        kind === problem.kind &&
        (mode === undefined || ('resolutionKind' in problem && problem.resolutionKind === mode)),
    )
  expect(result.problems.filter((problem) => !isAccepted(problem))).toEqual([])
  expect(accepted.filter(({ kind }) => !result.problems.some((problem) => problem.kind === kind))).toEqual([])
  expect(Object.keys(result.entrypoints)).toEqual(expect.arrayContaining(['.', './embedded', './migrate']))
})
