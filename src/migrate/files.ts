// The migrations of a folder, in order. A name is `<version>_<what>`: digits, an underscore, words; .sql or .ts
// (.js, .mjs). Order is by the number of the version, then by name; two files of one version are a conflict that
// two branches made, and plan.ts says so.
// Bound: files larger than 16 MiB are refused (data belongs into COPY, not into a migration).

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { messageOf, StrataError } from '../base/errors.ts'
import { parseSql, type ParsedStatement } from '../sql/parse.ts'
import { classify, type PlacedStatement } from '../plan/index.ts'
import { loadCode, type CodeMigration } from './code-file.ts'
import { cutSections, type Section } from './sections.ts'

export interface MigrationFile {
  /** Name without extension: what the database records. */
  readonly name: string
  readonly version: bigint
  readonly path: string
  /** File name as shown in messages. */
  readonly file: string
  readonly text: string
  readonly checksum: string
  readonly kind: 'sql' | 'code'
}

export type MigrationBody =
  | {
      readonly kind: 'sql'
      readonly up: readonly ParsedStatement[]
      readonly down: readonly ParsedStatement[] | undefined
    }
  | { readonly kind: 'code'; readonly code: CodeMigration }

const extensions: ReadonlySet<string> = new Set(['.sql', '.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'])
const largestBytes = 16 * 1_024 ** 2
const namePattern = /^(\d+)_([A-Za-z0-9][A-Za-z0-9_.-]*)$/

export async function readMigrations(dir: string): Promise<readonly MigrationFile[]> {
  const entries = await readFolder(dir)
  const named = entries.filter(
    (entry) => extensions.has(extname(entry).toLowerCase()) && !entry.endsWith('.d.ts') && !entry.startsWith('.'),
  )
  const files = await Promise.all(named.map((entry) => readMigration(join(dir, entry))))
  return files.toSorted(compareMigrations)
}

async function readFolder(dir: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true })
    // Mounted configuration (Kubernetes) is made of links.
    return entries.filter((entry) => entry.isFile() || entry.isSymbolicLink()).map((entry) => entry.name)
  } catch (error) {
    throw new StrataError('MIGRATION_INVALID', {
      message: `The folder of the migrations cannot be read (${messageOf(error)})`,
      advice: 'Create it with `pgstrata migrate new <name>`, or correct migrations.dir in the configuration.',
      details: { dir, missing: (error as { code?: string }).code === 'ENOENT' },
      cause: error,
    })
  }
}

async function readMigration(path: string): Promise<MigrationFile> {
  const file = basename(path)
  const extension = extname(path)
  const name = basename(path, extension)
  const version = namePattern.exec(name)?.[1]
  if (version === undefined) {
    throw new StrataError('MIGRATION_INVALID', {
      message: `${file} is not named like a migration`,
      expected: 'digits, an underscore, words: 20260131120000_add_plays.sql or 0007_add_plays.sql',
      got: file,
      advice: 'Rename it, or move it out of the folder.',
    })
  }
  const text = normalize(await readFile(path), file)
  return {
    name,
    version: BigInt(version),
    path,
    file,
    text,
    checksum: checksumOf(text),
    kind: extension.toLowerCase() === '.sql' ? 'sql' : 'code',
  }
}

function normalize(bytes: Buffer, file: string): string {
  if (bytes.length > largestBytes) {
    throw new StrataError('MIGRATION_INVALID', {
      message: `${file} is too large`,
      expected: 'at most 16 MiB',
      got: `${bytes.length} bytes`,
    })
  }
  try {
    // fatal: a file in another encoding would be stored, and run, as something else than was written.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replaceAll('\r\n', '\n')
  } catch (error) {
    throw new StrataError('MIGRATION_INVALID', { message: `${file} is not UTF-8`, cause: error })
  }
}

/** Line ends do not count: the same file checked out on Windows is the same migration. */
function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export function compareMigrations(
  left: { readonly version: bigint; readonly name: string },
  right: { readonly version: bigint; readonly name: string },
): number {
  if (left.version !== right.version) return left.version < right.version ? -1 : 1
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0
}

/** The version in a recorded name; a name that has none sorts first. */
export function versionOf(name: string): bigint {
  return BigInt(namePattern.exec(name)?.[1] ?? 0)
}

/** Parsed once for planning, the lint gate and the run; gone with the files it belongs to. */
const parsed = new WeakMap<MigrationFile, Promise<MigrationBody>>()

/** Parses or loads the file: every syntax error comes out here, before anything runs. */
export async function readBody(migration: MigrationFile): Promise<MigrationBody> {
  if (migration.kind === 'code') return { kind: 'code', code: await loadCode(migration) }
  const known = parsed.get(migration) ?? parseBody(migration.text, migration.file)
  parsed.set(migration, known)
  return await known
}

export async function parseBody(text: string, file: string): Promise<Extract<MigrationBody, { kind: 'sql' }>> {
  const sections = await cutSections(text, file)
  return {
    kind: 'sql',
    up: await parseSection(sections.up, file),
    down: sections.down === undefined ? undefined : await parseSection(sections.down, file),
  }
}

async function parseSection(section: Section, file: string): Promise<readonly ParsedStatement[]> {
  const statements = await parseSql(section.text, { name: file, firstLine: section.firstLine })
  return statements.map((statement) => ({ ...statement, line: statement.line + section.firstLine - 1 }))
}

export async function placeStatements(
  statements: readonly ParsedStatement[],
  file: string,
): Promise<readonly PlacedStatement[]> {
  try {
    return await Promise.all(statements.map(async (statement) => ({ statement, placement: await classify(statement) })))
  } catch (error) {
    if (!(error instanceof StrataError)) throw error
    throw new StrataError(error.code, {
      message: `${file}: ${error.message}`,
      advice: error.advice,
      notes: error.notes,
      details: { ...error.details, file },
    })
  }
}
