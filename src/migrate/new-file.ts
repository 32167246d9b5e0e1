// Writes the file of a new migration. Never over an existing one; the version is the time to the second, moved past
// the newest file so that the new migration always comes last.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { readMigrations } from './files.ts'

export interface NewOptions {
  readonly dir: string
  /** 'add plays', 'add_plays' */
  readonly title: string
  readonly kind: 'sql' | 'ts'
  readonly clock: Clock
  /** Instead of the template. */
  readonly text?: string | undefined
}

const sqlTemplate = `-- up


-- down

`

const codeTemplate = `import type { MigrationContext } from 'pgstrata/migrate'

// One transaction, unless the file says \`export const transaction = false\`; then \`up\` must be repeatable,
// and m.backfill({ table, set, where }) changes many rows in small committed batches.

export async function up({ query, sql }: MigrationContext): Promise<void> {
  await query(sql\`select 1\`)
}

export async function down({ query, sql }: MigrationContext): Promise<void> {
  await query(sql\`select 1\`)
}
`

export async function createMigration(options: NewOptions): Promise<string> {
  const slug = options.title
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
  if (slug === '') {
    throw new StrataError('USAGE', {
      message: 'A migration needs a name',
      expected: 'words such as add_plays',
      got: JSON.stringify(options.title),
    })
  }
  await mkdir(options.dir, { recursive: true })
  const newest = (await readMigrations(options.dir)).at(-1)?.version ?? 0n
  const stamp = BigInt(new Date(options.clock.now()).toISOString().replaceAll(/\D/g, '').slice(0, 14))
  const version = stamp > newest ? stamp : newest + 1n
  const path = join(options.dir, `${String(version).padStart(4, '0')}_${slug}.${options.kind}`)
  const text = options.text ?? (options.kind === 'sql' ? sqlTemplate : codeTemplate)
  try {
    await writeFile(path, text, { flag: 'wx' })
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error
    throw new StrataError('FILE_EXISTS', { message: `${path} is already there`, cause: error })
  }
  return path
}
