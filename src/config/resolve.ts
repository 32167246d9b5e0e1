// A configuration as written → checked, complete and deeply frozen. Inside the library nothing is optional and no
// duration is text. Every complaint names the path, what was expected and what was got; all are told at once.

import { resolve as resolvePath } from 'node:path'
import type { z } from 'zod'
import { StrataError } from '../base/errors.ts'
import { parseDurationMs } from '../base/units.ts'
import type { LadderOptions } from '../plan/index.ts'
import type { MigrateOptions } from '../migrate/index.ts'
import { configSchema, type ParsedConfig } from './shape.ts'

export interface ResolvedConfig {
  /** Folder that relative paths start from. */
  readonly root: string
  readonly database: { readonly primary: string; readonly direct: string; readonly connectTimeoutMs: number }
  readonly migrate: MigrateOptions
  readonly ladder: LadderOptions
  readonly waitMs: number
  readonly dev: ParsedConfig['dev']
}

export interface ResolveOptions {
  readonly root: string
  /** How messages call it: 'pgstrata.config.ts'. */
  readonly name: string
  /** Stands in for database.primary where it is undefined. */
  readonly fallbackUrl?: string | undefined
}

export function resolveConfig(written: unknown, options: ResolveOptions): ResolvedConfig {
  const parsed = configSchema.safeParse(withFallback(written, options.fallbackUrl), { reportInput: true })
  if (!parsed.success) throw invalid(parsed.error.issues, options.name)
  const { database, migrations, dev } = parsed.data
  const ladder: LadderOptions = {
    firstTimeoutMs: parseDurationMs(migrations.lockTimeout.first),
    lastTimeoutMs: parseDurationMs(migrations.lockTimeout.last),
    tries: migrations.lockTimeout.tries,
    concurrentTimeoutMs: parseDurationMs(migrations.lockTimeout.concurrent),
  }
  const waitMs = parseDurationMs(migrations.wait)
  return deepFreeze({
    root: options.root,
    database: {
      primary: database.primary,
      direct: database.direct ?? database.primary,
      connectTimeoutMs: parseDurationMs(database.connectTimeout),
    },
    migrate: { dir: resolvePath(options.root, migrations.dir), ladder, waitMs, lint: migrations.lint },
    ladder,
    waitMs,
    dev: { ...dev, dir: resolvePath(options.root, dev.dir) },
  })
}

function withFallback(written: unknown, fallbackUrl: string | undefined): unknown {
  const config = written as { database?: { primary?: unknown } } | null | undefined
  if (fallbackUrl === undefined || config?.database === undefined || config.database.primary !== undefined)
    return written
  return { ...config, database: { ...config.database, primary: fallbackUrl } }
}

function invalid(issues: readonly z.core.$ZodIssue[], name: string): StrataError {
  const complaints = issues.flatMap((issue) => complain(issue))
  const [first = { path: '', text: '' }] = complaints
  return new StrataError('CONFIG_INVALID', {
    message:
      complaints.length === 1 ? `${name}: ${first.path}: ${first.text}` : `${name} has ${complaints.length} mistakes`,
    notes: complaints.length === 1 ? [] : complaints.map((complaint) => `${complaint.path}: ${complaint.text}`),
    details: { file: name, issues: complaints },
  })
}

interface Complaint {
  readonly path: string
  readonly text: string
}

function complain(issue: z.core.$ZodIssue): Complaint[] {
  const path = formatPath(issue.path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: formatPath([...issue.path, key]),
        text: 'there is no such key (docs/config.md lists them)',
      }))
    case 'invalid_type':
      return [
        {
          path,
          text: `expected ${issue.expected}, got ${describeValue(issue.input)}${missingHint(issue.path, issue.input)}`,
        },
      ]
    case 'invalid_value':
      return [
        {
          path,
          text: `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}, got ${describeValue(issue.input)}`,
        },
      ]
    case 'invalid_union':
      return [{ path, text: `expected ${unionWords(issue)}, got ${describeValue(issue.input)}` }]
    default:
      return [
        { path, text: issue.code === 'custom' ? issue.message : `${issue.message}, got ${describeValue(issue.input)}` },
      ]
  }
}

function unionWords(issue: z.core.$ZodIssueInvalidUnion): string {
  const words = issue.errors.flatMap(([inner]) =>
    inner?.code === 'invalid_value'
      ? inner.values.map((value) => JSON.stringify(value))
      : inner?.code === 'invalid_type'
        ? [inner.expected]
        : [],
  )
  return words.length === 0 ? 'another value' : words.join(' or ')
}

function missingHint(path: readonly PropertyKey[], input: unknown): string {
  return input === undefined && path.join('.') === 'database.primary'
    ? ' (is the environment variable it comes from set?)'
    : ''
}

/** Values that may hold a password are named by their type alone. */
function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'string') return /:\/\//.test(value) ? 'a URL' : JSON.stringify(value.slice(0, 60))
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
}

function formatPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the configuration'
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('')
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
