// What is to be done, and what stands in the way. Pure: files and records in, a plan out; nothing is read or run.

import { diffLines } from '../base/line-diff.ts'
import { StrataError } from '../base/errors.ts'
import { compareMigrations, versionOf, type MigrationFile } from './files.ts'
import type { MigrationRecord } from './queries.ts'

export type MigrationState = 'applied' | 'pending' | 'unfinished' | 'edited' | 'missing' | 'out of order'

export interface MigrationStatus {
  readonly name: string
  readonly state: MigrationState
  readonly record: MigrationRecord | undefined
  readonly file: MigrationFile | undefined
}

export interface PlanInput {
  readonly files: readonly MigrationFile[]
  readonly records: readonly MigrationRecord[]
}

export interface PlannedMigration {
  readonly direction: 'up' | 'down'
  readonly file: MigrationFile
  /** The record of a run that did not finish. */
  readonly unfinished: MigrationRecord | undefined
}

/** Every migration that has a file or a record, in order. */
export function listStatuses(input: PlanInput): readonly MigrationStatus[] {
  const recordOf = new Map(input.records.map((record) => [record.name, record]))
  const fileOf = new Map(input.files.map((file) => [file.name, file]))
  const newest = newestApplied(input)
  const names = new Set([...recordOf.keys(), ...fileOf.keys()])
  return [...names]
    .map((name) => ({ name, version: versionOf(name) }))
    .toSorted(compareMigrations)
    .map(({ name }) => {
      const record = recordOf.get(name)
      const file = fileOf.get(name)
      return { name, state: stateOf(file, record, newest), record, file }
    })
}

function stateOf(
  file: MigrationFile | undefined,
  record: MigrationRecord | undefined,
  newest: { version: bigint; name: string } | undefined,
): MigrationState {
  if (record === undefined) {
    const late = file !== undefined && newest !== undefined && compareMigrations(file, newest) < 0
    return late ? 'out of order' : 'pending'
  }
  if (record.state === 'running') return 'unfinished'
  if (file === undefined) return 'missing'
  return file.checksum === record.checksum ? 'applied' : 'edited'
}

function newestApplied(input: PlanInput): { version: bigint; name: string } | undefined {
  const applied = input.records.map(({ name }) => ({ name, version: versionOf(name) }))
  return applied.toSorted(compareMigrations).at(-1)
}

export interface PlanUpOptions {
  /** Apply up to and including this one. */
  readonly to?: string | undefined
  readonly steps?: number | undefined
  readonly allowOutOfOrder?: boolean | undefined
}

/** The migrations to apply, in order; throws the first thing that stands in the way. */
export function planUp(input: PlanInput, options: PlanUpOptions = {}): readonly PlannedMigration[] {
  refuseDuplicates(input.files)
  const statuses = listStatuses(input)
  for (const status of statuses) refuseBroken(status, 'up')
  const last = options.to === undefined ? undefined : findByName(statuses, options.to)
  const todo = statuses.filter(
    (status) => status.state !== 'applied' && (last === undefined || compare(status, last) <= 0),
  )
  const late = statuses.filter((status) => status.state === 'out of order')
  if (late.length > 0 && options.allowOutOfOrder !== true) throw outOfOrder(late, input)
  return todo
    .slice(0, options.steps)
    .flatMap(({ file, record }) => (file === undefined ? [] : [{ direction: 'up' as const, file, unfinished: record }]))
}

export interface PlanDownOptions {
  /** Undo everything after this one; it stays applied. '0' undoes all. */
  readonly to?: string | undefined
  /** How many to undo; 1 unless `to` is given. */
  readonly steps?: number | undefined
}

/** The migrations to undo, newest first. */
export function planDown(input: PlanInput, options: PlanDownOptions = {}): readonly PlannedMigration[] {
  refuseDuplicates(input.files)
  const statuses = listStatuses(input)
  for (const status of statuses) refuseBroken(status, 'down')
  const applied = statuses.filter((status) => status.record !== undefined).toReversed()
  const keep = options.to === undefined || options.to === '0' ? undefined : findByName(statuses, options.to)
  const chosen =
    options.to === undefined
      ? applied.slice(0, options.steps ?? 1)
      : applied.filter((status) => keep === undefined || compare(status, keep) > 0)
  return chosen.flatMap(({ file, record }) =>
    file === undefined
      ? []
      : [{ direction: 'down' as const, file, unfinished: record?.state === 'running' ? record : undefined }],
  )
}

function compare(left: { readonly name: string }, right: { readonly name: string }): number {
  const keyed = (item: { readonly name: string }): { name: string; version: bigint } => ({
    name: item.name,
    version: versionOf(item.name),
  })
  return compareMigrations(keyed(left), keyed(right))
}

/** By full name, or by version alone ('7', '0007'). */
export function findByName(statuses: readonly MigrationStatus[], wanted: string): MigrationStatus {
  const exact = statuses.filter((status) => status.name === wanted || status.file?.file === wanted)
  const byVersion = /^\d+$/.test(wanted) ? statuses.filter((status) => versionOf(status.name) === BigInt(wanted)) : []
  const [found, ...more] = exact.length > 0 ? exact : byVersion
  if (found !== undefined && more.length === 0) return found
  throw new StrataError('MIGRATION_UNKNOWN', {
    message:
      found === undefined
        ? `There is no migration ${JSON.stringify(wanted)}`
        : `${JSON.stringify(wanted)} names several migrations`,
    notes: [found, ...more].flatMap((status) => (status === undefined ? [] : [status.name])),
  })
}

function refuseDuplicates(files: readonly MigrationFile[]): void {
  for (const [index, file] of files.entries()) {
    const next = files[index + 1]
    if (next === undefined || next.version !== file.version) continue
    throw new StrataError('MIGRATION_ORDER', {
      message: `Two migrations have version ${file.version}: ${file.file} and ${next.file}`,
      advice: 'Two branches made them. Give the one that is applied nowhere yet a later version.',
      details: { files: [file.file, next.file] },
    })
  }
}

function refuseBroken(status: MigrationStatus, direction: 'up' | 'down'): void {
  const { record, file, name } = status
  if (record !== undefined && file === undefined) {
    throw new StrataError('MIGRATION_MISSING', {
      message: `Migration ${name} was applied ${record.startedAt} and its file is gone`,
      details: { name },
    })
  }
  if (record === undefined || file === undefined) return
  if (status.state === 'edited') {
    throw new StrataError('MIGRATION_EDITED', {
      message: `${file.file} was edited after it was applied (${record.finishedAt ?? record.startedAt})`,
      notes: diffLines(record.content, file.text),
      details: { name, applied: record.checksum, now: file.checksum },
    })
  }
  if (
    status.state === 'unfinished' &&
    record.direction !== direction &&
    (record.statementsDone > 0 || record.inFlight !== undefined)
  ) {
    throw new StrataError('MIGRATION_UNFINISHED', {
      message: `${name} stopped half-way ${record.direction} (statements done: ${record.statementsDone})`,
      advice: `Finish it first: pgstrata migrate ${record.direction}.`,
      details: { name, direction: record.direction, statementsDone: record.statementsDone },
    })
  }
}

function outOfOrder(late: readonly MigrationStatus[], input: PlanInput): StrataError {
  const newest = newestApplied(input)
  return new StrataError('MIGRATION_ORDER', {
    message: `${late.map((status) => status.name).join(', ')} sorts before ${newest?.name ?? 'one'}, which is already applied`,
    details: { late: late.map((status) => status.name), newest: newest?.name },
  })
}
