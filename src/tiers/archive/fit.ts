// How rows of an archive go into a table as it is now: which column of the one is which of the other, and what becomes of those that
// only one of them has. Decided before anything is fetched, and refused with every reason at once.

import { StrataError } from '../../base/errors.ts'
import type { SourceColumn } from '../model/columns.ts'
import type { ArchivedColumn } from './types.ts'

export interface FitRequest {
  readonly archived: readonly ArchivedColumn[]
  /** As they are now; what rows from before a column have in it stands in `missing`. */
  readonly columns: readonly SourceColumn[]
  /** It is the table that was archived, so that a column of the same number is the same column. */
  readonly isSameTable: boolean
  /** Archived columns that may be left out. */
  readonly without: readonly string[]
  /** Archived name → name now. */
  readonly renamed: Readonly<Record<string, string>>
}

interface Pair {
  readonly archived: ArchivedColumn
  readonly column: SourceColumn
  /** Its type was another one: each value has to come back from the new one as it was. */
  readonly isRetyped: boolean
}

export interface Mapping {
  readonly pairs: readonly Pair[]
  /** Columns that came since: a literal, or null; what says neither takes its default. */
  readonly added: readonly { readonly column: SourceColumn; readonly value: string | null | undefined }[]
  readonly left: readonly ArchivedColumn[]
  /** Files can be loaded as they are. */
  readonly isPlain: boolean
}

export function fitColumns(request: FitRequest): Mapping {
  const { archived, columns, without, renamed } = request
  const now = columns.filter(({ generated }) => !generated)
  const pairs: Pair[] = []
  const left: ArchivedColumn[] = []
  const problems: string[] = unknownNames(request)
  for (const one of archived) {
    if (without.includes(one.name)) left.push(one)
    else {
      const column = counterpart(one, now, request)
      if (column === undefined) problems.push(gone(one.name))
      else if (isZoneBound(one, column) && renamed[one.name] === undefined) problems.push(zoneBound(one, column))
      else pairs.push({ archived: one, column, isRetyped: column.typmod !== one.pgType })
    }
  }
  const taken = new Set(pairs.map(({ column }) => column.name))
  if (taken.size < pairs.length) problems.push(`${Object.keys(renamed).join(', ')}: two columns would become one`)
  const added = now
    .filter(({ name }) => !taken.has(name))
    .map((column) => ({ column, value: column.missing ?? (column.notNull ? undefined : null) }))
  if (problems.length > 0) throw unfit(problems)
  const isPlain = left.length === 0 && added.length === 0 && pairs.every(({ isRetyped }) => !isRetyped)
  return { pairs, added, left, isPlain: isPlain && pairs.length > 1 }
}

function counterpart(
  one: ArchivedColumn,
  now: readonly SourceColumn[],
  { renamed, isSameTable }: FitRequest,
): SourceColumn | undefined {
  const wanted = renamed[one.name]
  if (wanted !== undefined) return now.find(({ name }) => name === wanted)
  // By number alone, as the rows that stayed: one that has the name by now, or came under it, is another one.
  return isSameTable ? now.find(({ attnum }) => attnum === one.attnum) : now.find(({ name }) => name === one.name)
}

/** Archived columns that the table, whose numbers are known, has no more. */
export function goneColumns(request: FitRequest): readonly string[] {
  const now = request.columns.filter(({ generated }) => !generated)
  return request.archived.filter((one) => counterpart(one, now, request) === undefined).map(({ name }) => name)
}

const zoned = /^_?(timestamptz|timetz|tstzrange|tstzmultirange)$/

/** What a value becomes depends on the time zone of who changed the type, which nobody knows any more. */
function isZoneBound({ base: was }: ArchivedColumn, { base: is }: SourceColumn): boolean {
  return was !== is && (zoned.test(was) || zoned.test(is))
}

function unknownNames({ archived, columns, without, renamed }: FitRequest): string[] {
  const names = new Set(archived.map(({ name }) => name))
  return [
    ...[...without, ...Object.keys(renamed)]
      .filter((name) => !names.has(name))
      .map((name) => `${name}: the archive has no such column`),
    ...Object.values(renamed)
      .filter((name) => !columns.some((column) => column.name === name && !column.generated))
      .map((name) => `${name}: the table has no such column`),
  ]
}

const gone = (name: string): string =>
  `${name}: the table has no such column any more: leave it out (--without ${name}), or name the one that it is now (--map ${name}=…)`

const zoneBound = ({ name, pgType }: ArchivedColumn, column: SourceColumn): string =>
  `${name}: it was ${pgType} and is ${column.typmod}, and what its values became depends on the time zone in which that was changed: say that it was UTC (--map ${name}=${column.name})`

function unfit(problems: readonly string[]): StrataError {
  return new StrataError('ARCHIVE_SCHEMA', {
    message: `The archived columns do not fit the table as it is now`,
    advice: 'See the list, or restore into a table of its own with `--into schema.table`.',
    notes: problems,
    details: { problems },
  })
}
