// Our findings against those of squawk-cli, on the whole corpus. squawk runs once, over one file for each case.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lintStatements, ruleNames } from '../../src/migrate/lint/index.ts'
import { parseSql } from '../../src/sql/parse.ts'
import { differences, unneeded, type Difference } from './lint-corpus/differences.ts'
import { readCorpus } from './lint-corpus/corpus.ts'
import { squawkMap } from './squawk-map.ts'

const version = 18
/** From 19 on squawk speaks of CLUSTER and VACUUM FULL (its advice is REPACK, which comes with 19); nothing else differs. */
const squawkVersion = 19
const corpus = readCorpus()
const folder = mkdtempSync(join(tmpdir(), 'pgstrata-lint-'))
/** By the number of the case. */
let squawkFindings: readonly ReadonlySet<string>[] = []
let ourFindings: readonly ReadonlySet<string>[] = []
let statementCount = 0

beforeAll(async () => {
  squawkFindings = runSquawk()
  const linted = await Promise.all(corpus.map(({ sql }) => lintCase(sql)))
  ourFindings = linted.map(({ rules }) => rules)
  statementCount = linted.reduce((sum, { statements }) => sum + statements, 0)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function runSquawk(): readonly ReadonlySet<string>[] {
  const files = corpus.map(({ sql }, number) => {
    const file = join(folder, `${number}.sql`)
    writeFileSync(file, sql)
    return file
  })
  const squawk = join(import.meta.dirname, '../../node_modules/.bin/squawk')
  const options = ['--reporter=json', `--pg-version=${squawkVersion}`, '--include=require-table-schema']
  // In a folder of its own, so that no .squawk.toml of the surroundings is read.
  const { stdout, error } = spawnSync(squawk, [...options, ...files], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 ** 2,
  })
  if (error !== undefined) throw error
  const found = corpus.map(() => new Set<string>())
  for (const { file, rule_name } of JSON.parse(stdout) as { file: string; rule_name: string }[]) {
    found[Number(basename(file, '.sql'))]?.add(rule_name)
  }
  return found
}

async function lintCase(sql: string): Promise<{ rules: ReadonlySet<string>; statements: number }> {
  const statements = await parseSql(sql)
  const rules = { 'require-table-schema': 'note', 'prefer-robust-stmts': 'note' } as const
  return {
    rules: new Set(lintStatements({ statements, version, rules }).map(({ rule }) => rule)),
    statements: statements.length,
  }
}

function compare(): readonly Omit<Difference, 'reason'>[] {
  return corpus.flatMap(({ name }, number) =>
    Object.entries(squawkMap).flatMap(([squawk, ours]) => {
      const theirs = squawkFindings[number]?.has(squawk) === true
      const us = ours.some((rule) => ourFindings[number]?.has(rule) === true)
      return theirs === us ? [] : { case: name, squawk, fires: theirs ? ('squawk' as const) : ('us' as const) }
    }),
  )
}

const keyOf = (difference: Omit<Difference, 'reason'>): string =>
  `${difference.case} | ${difference.squawk} | only ${difference.fires}`

describe('agreement with squawk', () => {
  test('the corpus is large enough, and its cases have names of their own', () => {
    expect(statementCount).toBeGreaterThanOrEqual(170)
    expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length)
  })

  test('every rule of squawk that fires is either mapped or said to be unneeded', () => {
    const fired = new Set(squawkFindings.flatMap((rules) => [...rules]))
    const unmapped = [...fired].filter((rule) => !(rule in squawkMap) && !(rule in unneeded))
    expect(unmapped).toEqual([])
    // And nothing is mapped in vain: each mapping is tried by a case.
    expect([...Object.keys(squawkMap), ...Object.keys(unneeded)].filter((rule) => !fired.has(rule))).toEqual([])
    expect(
      Object.values(squawkMap)
        .flat()
        .filter((rule) => !ruleNames().includes(rule)),
    ).toEqual([])
  })

  test('both agree on every case, except where a difference is listed with its reason', () => {
    const listed = new Set(differences.map(keyOf))
    expect(
      compare()
        .map(keyOf)
        .filter((key) => !listed.has(key)),
    ).toEqual([])
  })

  test('every listed difference is still there', () => {
    const actual = new Set(compare().map(keyOf))
    expect(differences.map(keyOf).filter((key) => !actual.has(key))).toEqual([])
    expect(differences.filter(({ reason }) => reason.length < 20)).toEqual([])
  })
})
