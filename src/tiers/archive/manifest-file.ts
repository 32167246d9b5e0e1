// A manifest as a file. Read by whoever finds it: what it says is checked before anything relies on it. Whoever can write to a store
// writes manifests, too, so that nothing of one goes into SQL but names and literals.
// On failure: ARCHIVE_CORRUPT with what was expected where.

import { readFile, writeFile } from 'node:fs/promises'
import { messageOf, StrataError } from '../../base/errors.ts'
import type { Manifest } from './manifest.ts'
import { isCollationName, isTypeName } from './type-names.ts'

/** Manifests of millions of rows are far below. */
const mostBytes = 64 * 1024 ** 2

export async function saveManifest(path: string, manifest: Manifest): Promise<void> {
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`)
}

export async function loadManifest(path: string, key: string): Promise<Manifest> {
  const bytes = await readFile(path)
  if (bytes.length > mostBytes) throw corrupt(key, `at most ${mostBytes} bytes`, `${bytes.length}`)
  try {
    return checked(JSON.parse(bytes.toString('utf8')) as unknown, key)
  } catch (error) {
    if (error instanceof StrataError) throw error
    throw corrupt(key, 'JSON', messageOf(error))
  }
}

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isCount: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const orNone =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const shape =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(checks).every(([name, check]) => check((value as Record<string, unknown>)[name]))
const mapOf =
  (check: Check): Check =>
  (value) =>
    typeof value === 'object' && value !== null && Object.values(value).every(check)

const isTruth: Check = (value) => typeof value === 'boolean'
/** They go into SQL as they are. */
const isType: Check = (value) => typeof value === 'string' && isTypeName(value)
const isCollation: Check = (value) => typeof value === 'string' && isCollationName(value)
const isNumber: Check = (value) => isText(value) && /^-?\d+$/.test(value as string)
const content = shape({ rows: isNumber, one: isNumber, two: isNumber })
const column = shape({
  name: isText,
  attnum: isCount,
  pgType: isType,
  base: isText,
  collation: orNone(isCollation),
  notNull: isTruth,
  field: isText,
  exceptions: isText,
  scales: orNone(isText),
  parquet: isText,
  canonical: isText,
  labels: orNone(listOf(isText)),
})
const stats = shape({ count: isCount, nulls: isCount, min: orNull(isText), max: orNull(isText), exceptions: isCount })
const file = shape({
  number: isCount,
  key: isText,
  rows: isCount,
  bytes: isCount,
  sha256: (value) => isText(value) && /^[0-9a-f]{64}$/.test(value as string),
  least: orNull(isText),
  most: orNull(isText),
  content,
  columns: mapOf(stats),
})

const parts: Readonly<Record<keyof Manifest, Check>> = {
  format: (value) => value === 1,
  archive: isNumber,
  table: shape({ schema: isText, table: isText }),
  tableOid: isCount,
  axis: isText,
  partition: isText,
  lower: isText,
  upper: isText,
  serverVersion: isCount,
  columns: listOf(column),
  definition: isText,
  files: listOf(file),
  content,
  archivedAt: isText,
}

function checked(value: unknown, key: string): Manifest {
  if (typeof value !== 'object' || value === null) throw corrupt(key, 'a manifest', typeof value)
  for (const [name, check] of Object.entries(parts)) {
    if (!check((value as Record<string, unknown>)[name]))
      throw corrupt(key, `a manifest of format 1`, `another '${name}'`)
  }
  return value as Manifest
}

function corrupt(key: string, expected: string, got: string): StrataError {
  return new StrataError('ARCHIVE_CORRUPT', { message: `${key} is no manifest`, expected, got, details: { key } })
}
