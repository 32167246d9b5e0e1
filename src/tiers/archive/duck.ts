// DuckDB, an optional package, in memory: it reads and writes files in the folders it was given, and nothing else.
// What must be true: nothing is fetched from anywhere, and a statement of somebody else's can change none of that. Moments are told
// in UTC. What does not fit into its memory goes to the first folder.

import { mkdir } from 'node:fs/promises'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { checkpoint } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import { loadOptional } from '../../base/load-optional.ts'

export interface Duck {
  run(statement: string): Promise<void>
  /** Integers beyond 53 bits come as bigint. */
  rows<Row extends object>(statement: string): Promise<readonly Row[]>
  /** Of somebody else's: one statement, and one that only reads. */
  ask(statement: string): Promise<DuckAnswer>
  close(): void
}

export interface DuckAnswer {
  readonly columns: readonly string[]
  /** As JSON has them: what it cannot say is text. */
  readonly rows: AsyncIterable<readonly unknown[]>
}

export interface DuckOptions {
  /** '1GB'. */
  readonly memory: string
  readonly threads: number
}

/** `folders`: where it may read and write; the first is for what does not fit into memory, too. */
export type DuckFactory = (folders: readonly string[], signal?: AbortSignal) => Promise<Duck>

const install = { name: '@duckdb/node-api', command: 'npm install @duckdb/node-api' }

export function duckFactory({ memory, threads }: DuckOptions): DuckFactory {
  return async (folders, signal) => {
    const { DuckDBInstance: Instance } = await loadOptional(install, () => import('@duckdb/node-api'))
    for (const folder of folders) await mkdir(folder, { recursive: true })
    const instance = await Instance.create(':memory:', {
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
    const connection = await instance.connect()
    const [spill = '.'] = folders
    const allowed = folders.map((folder) => quoteText(`${folder}/`)).join(', ')
    await connection.run(
      `set TimeZone = 'UTC'; set memory_limit = ${quoteText(memory)}; set threads = ${threads};
      set temp_directory = ${quoteText(`${spill}/duckdb`)}; set allowed_directories = [${allowed}];
      set enable_external_access = false; set lock_configuration = true`,
    )
    return asDuck(instance, connection, signal)
  }
}

function asDuck(instance: DuckDBInstance, connection: DuckDBConnection, signal: AbortSignal | undefined): Duck {
  const interrupt = (): void => connection.interrupt()
  signal?.addEventListener('abort', interrupt)
  const wanted = async <T>(work: () => Promise<T>): Promise<T> => {
    checkpoint(signal)
    try {
      return await work()
    } catch (error) {
      checkpoint(signal)
      throw error
    }
  }
  return {
    run: (statement) => wanted(async () => void (await connection.run(statement))),
    rows: <Row extends object>(statement: string) =>
      wanted(async () => (await connection.runAndReadAll(statement)).getRowObjectsJS() as unknown as readonly Row[]),
    ask: (statement) => wanted(() => ask(connection, statement)),
    close: () => {
      signal?.removeEventListener('abort', interrupt)
      connection.closeSync()
      instance.closeSync()
    },
  }
}

/** DuckDB's number of SELECT among the kinds of statements. */
const selectStatement = 1

async function ask(connection: DuckDBConnection, statement: string): Promise<DuckAnswer> {
  const extracted = await connection.extractStatements(statement)
  const prepared = extracted.count === 1 ? await extracted.prepare(0) : undefined
  if (prepared === undefined || (prepared.statementType as number) !== selectStatement) {
    throw notSelect(prepared === undefined ? `${extracted.count} statements` : 'another kind of statement')
  }
  const result = await prepared.stream()
  const rows = async function* (): AsyncGenerator<readonly unknown[]> {
    for await (const batch of result.yieldRowsJson()) yield* batch
  }
  return { columns: result.deduplicatedColumnNames(), rows: rows() }
}

export function notSelect(got: string): StrataError {
  return new StrataError('ARCHIVE_QUERY', {
    message: 'Archives are asked by one SELECT',
    expected: 'one statement that only reads',
    got,
  })
}

/** DuckDB reads a backslash as itself. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A name of any length: those of PostgreSQL with an ending are longer than an identifier there. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
