// The rules of architecture.test.ts can fail: each is held against a small tree that breaks it, and one that does not.

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/temporary-folder.ts'
import {
  checkEffects,
  checkGlobals,
  checkHeaders,
  checkInnerLayers,
  checkLayers,
  checkMarks,
  checkPackages,
  checkSizes,
  checkSqlPlaces,
  findCycles,
} from './rules.ts'
import { readSources, type Source } from './sources.ts'

const options = {
  module: 'esnext',
  moduleResolution: 'bundler',
  target: 'es2023',
  allowImportingTsExtensions: true,
  noEmit: true,
  types: [],
}
const globals = `declare const process: { env: unknown }
declare function setTimeout(work: () => void): void
declare const performance: { now(): number }
`

async function tree(files: Readonly<Record<string, string>>): Promise<readonly Source[]> {
  const folder = await temporaryFolder()
  for (const [path, text] of Object.entries({ ...files, 'globals.d.ts': globals })) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }))
  return readSources(folder, folder).filter(({ path }) => path !== 'globals.d.ts')
}

test('folders within a feature: from the lower to the upper is a complaint, and so is what puts them together', async () => {
  const sources = await tree({
    'rollups/model/a.ts': `import { b } from '../kept/b.ts'\nexport const a = b`,
    'rollups/kept/b.ts': `import { c } from '../facade.ts'\nexport const b = c`,
    'rollups/facade.ts': `export const c = 1`,
    'rollups/read/d.ts': `export { b } from '../kept/b.ts'`,
    'rollups/index.ts': `export { b } from './kept/b.ts'`,
    'views/inner/e.ts': `export { f } from '../f.ts'`,
    'views/f.ts': `export const f = 1`,
  })
  expect(checkInnerLayers(sources)).toEqual([
    'rollups/kept/b.ts:1 imports rollups/facade.ts, which is above it',
    'rollups/model/a.ts:1 imports rollups/kept/b.ts, which is above it',
  ])
})

test('layers: upwards, sideways and unknown are complaints; downwards is not', async () => {
  const sources = await tree({
    'base/a.ts': `import type { B } from '../plan/b.ts'\nexport type A = B`,
    'plan/b.ts': `export { a } from '../sql/c.ts'\nexport type B = typeof import('../cli/d.ts')`,
    'sql/c.ts': `export const a = 1`,
    'cli/d.ts': `export const load = () => import('../migrate/e.ts')`,
    'migrate/e.ts': `import { tiers } from '../tiers/f.ts'\nexport const e = tiers`,
    'tiers/f.ts': `import { partitions } from '../partitions/g.ts'\nexport const tiers = partitions`,
    'partitions/g.ts': `export const partitions = 1`,
    'attic/h.ts': `export {}`,
    'http/i.ts': `export { a } from '../sql/c.ts'\nexport { e } from '../migrate/e.ts'`,
    'otel/j.ts': `export { a } from '../sql/c.ts'\nimport '../http/i.ts'\nexport { partitions } from '../partitions/g.ts'`,
  })
  const allowed = [{ from: 'tiers', to: 'partitions', reason: 'a tier is made of partitions' }]
  expect(checkLayers(sources, allowed)).toEqual({
    complaints: [
      'attic/h.ts:1 is in no layer; add attic to the list',
      'base/a.ts:1 imports plan/b.ts, which is above it',
      'http/i.ts:2 imports migrate/e.ts, which is more than it may know',
      'migrate/e.ts:1 imports tiers/f.ts, which is a sibling',
      'otel/j.ts:2 imports http/i.ts, which is a sibling',
      'otel/j.ts:3 imports partitions/g.ts, which is more than it may know',
      'plan/b.ts:2 imports cli/d.ts, which is above it',
    ],
    unused: [],
  })
  const needless = { from: 'tiers', to: 'views', reason: 'none' }
  expect(checkLayers(sources, [...allowed, needless]).unused).toEqual([needless])
})

test('cycles: found through types and over several files; a diamond is none', async () => {
  const sources = await tree({
    'a.ts': `import type { B } from './b.ts'\nexport interface A { b: B }`,
    'b.ts': `export * from './c.ts'\nexport interface B { x: 1 }`,
    'c.ts': `import type { A } from './a.ts'\nexport type C = A`,
    'd.ts': `import './e.ts'\nimport './f.ts'`,
    'e.ts': `import './g.ts'`,
    'f.ts': `import './g.ts'`,
    'g.ts': `export {}`,
  })
  expect(findCycles(sources)).toEqual([['a.ts', 'b.ts', 'c.ts']])
})

test('sizes: what looks like a brace or a line in a string does not count', async () => {
  const body = '  void 0\n'
  const sources = await tree({
    'long.ts': `// x\n`.repeat(11),
    'fits.ts': `// x\n`.repeat(10),
    'functions.ts': [
      `export function six(): string {\n${body.repeat(4)}}`,
      `export const five = () => {\n${body.repeat(3)}}`,
      `export const odd = () => /[}{]/.test('}') ? \`\${'{'}\` : "{"`,
    ].join('\n'),
  })
  expect(checkSizes(sources, { fileLines: 12, functionLines: 5 })).toEqual([
    'functions.ts:1 six has 6 lines; 5 is the limit',
  ])
  expect(checkSizes(sources, { fileLines: 10, functionLines: 6 })).toEqual([
    'functions.ts:1 has 12 lines; 10 is the limit',
    'long.ts:1 has 11 lines; 10 is the limit',
  ])
})

test('globals: real uses, under any name; not members, own variables, texts or types', async () => {
  const sources = await tree({
    'uses.ts': `export const a = [process.env, globalThis.process]
export const b = [Date.now(), new Date(), Math.random(), performance.now()]
setTimeout(() => {})
export const c = { process }`,
    'modules.ts': `import { setTimeout as pause } from 'node:timers/promises'\nexport { pause }`,
    'fine.ts': `// process, Date.now()
export function f(process: { setTimeout(): Date; now: number }) {
  process.setTimeout()
  return [process, new Date(0), Math.max(1, 2), 'setTimeout', { process: 1 }, Date.parse('x')]
}`,
  })
  const { complaints } = checkGlobals(sources, [{ from: 'uses.ts', to: 'Math.random', reason: 'allowed here' }])
  expect(complaints).toEqual([
    'modules.ts:1 touches setTimeout',
    'uses.ts:1 touches process',
    'uses.ts:1 touches process',
    'uses.ts:2 touches Date.now',
    'uses.ts:2 touches Date',
    'uses.ts:2 touches performance.now',
    'uses.ts:3 touches setTimeout',
    'uses.ts:4 touches process',
  ])
})

test('packages: each has one owner, whichever way it is imported', async () => {
  const sources = await tree({
    'db/pool.ts': `import pg from 'pg'\nexport { pg }`,
    'cli/a.ts': `import type { Pool } from 'pg'\nexport const b = () => import('pg/lib/x')\nexport type C = Pool`,
    'cli/c.ts': `import { createRequire } from 'node:module'\nexport const c = createRequire('x').resolve('pg')`,
    'cli/d.ts': `import '@scope/unheard-of/sub'`,
  })
  expect(checkPackages(sources, { pg: 'db' })).toEqual([
    'cli/a.ts:1 imports pg; only db may',
    'cli/a.ts:2 imports pg; only db may',
    'cli/c.ts:2 imports pg; only db may',
    'cli/d.ts:1 imports @scope/unheard-of, which has no owner',
  ])
})

test('SQL: the tag, its methods and bare statements; not prose', async () => {
  const sources = await tree({
    'cli/a.ts': `declare const sql: any
export const a = sql\`select 1\`
export const b = sql.raw('x')
export const c = \`delete from \${'t'}\`
export const d = ['Select a name from the list', 'update the file', 'create tables']`,
    'db/a.ts': `declare const sql: any\nexport const a = sql\`select 1\``,
  })
  expect(checkSqlPlaces(sources, ['cli'], []).complaints.map((text) => text.split(' ')[0])).toEqual([
    'cli/a.ts:2',
    'cli/a.ts:3',
    'cli/a.ts:4',
    'cli/a.ts:5',
  ])
  expect(checkSqlPlaces(sources, ['base'], []).complaints).toEqual([])
})

test('headers, marks and effects', async () => {
  const sources = await tree({
    'a.ts': `// What it is for.\nexport const a = 1`,
    'b.ts': `export const b = 1 // TODO later`,
    'main.ts': `#!/usr/bin/env node\n// The entry.\nconsole.log(1)`,
    'c.ts': `// Runs.\nfor (const x of [1]) void x`,
    'index.ts': `export { a } from './a.ts'`,
  })
  expect(checkHeaders(sources, [])).toEqual(['b.ts:1 does not begin with what it is for'])
  expect(checkMarks(sources)).toEqual([`b.ts:1 export const b = 1 // TODO later`])
  expect(checkEffects(sources, ['main.ts'])).toEqual(['c.ts:2 runs at import'])
})
