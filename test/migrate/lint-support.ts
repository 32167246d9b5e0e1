// Facts and shorthands for the tests of the linter.

import {
  lintStatements,
  tableKey,
  type Finding,
  type LintInput,
  type LiveFacts,
  type TableFacts,
} from '../../src/migrate/lint/index.ts'
import { parseSql } from '../../src/sql/parse.ts'

export async function lint(sql: string, input: Omit<LintInput, 'statements'> = {}): Promise<Finding[]> {
  return lintStatements({ ...input, statements: await parseSql(sql) })
}

/** Findings that count, as 'rule severity', without the opinions. */
export async function verdicts(sql: string, input: Omit<LintInput, 'statements'> = {}): Promise<string[]> {
  const findings = await lint(sql, input)
  return findings
    .filter(({ suppressed, rule }) => suppressed === undefined && !/^(prefer|ban)-/.test(rule))
    .map(({ rule, severity }) => `${rule} ${severity}`)
}

export function tableFacts(facts: Partial<TableFacts> = {}): TableFacts {
  return {
    schema: 'public',
    name: 'plays',
    kind: 'table',
    rows: 1_000_000,
    sizeBytes: 100 * 1024 ** 2,
    writesPerSecond: 10,
    readsPerSecond: 10,
    columns: [],
    indexes: [],
    checks: [],
    partitionKey: [],
    ...facts,
  }
}

export function liveFacts(tables: readonly TableFacts[], live: Partial<LiveFacts> = {}): LiveFacts {
  return {
    version: 18,
    timeZone: 'Etc/UTC',
    tables: new Map(tables.map((table) => [tableKey(table), table])),
    indexes: new Map(),
    ...live,
  }
}

/** Nobody uses it, and it holds next to nothing. */
export const tiny: Partial<TableFacts> = { rows: 200, sizeBytes: 16_384, writesPerSecond: 0, readsPerSecond: 0 }
export const middling: Partial<TableFacts> = {
  rows: 1_000_000,
  sizeBytes: 100 * 1024 ** 2,
  writesPerSecond: 5,
  readsPerSecond: 50,
}
export const huge: Partial<TableFacts> = {
  rows: 2e9,
  sizeBytes: 200 * 1024 ** 3,
  writesPerSecond: 500,
  readsPerSecond: 5_000,
}
