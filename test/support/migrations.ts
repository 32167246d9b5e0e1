// A Migrate over a folder of the test's own.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Db } from '../../src/db/db.ts'
import { createMigrate, type Migrate, type MigrateOptions } from '../../src/migrate/index.ts'

export interface MigrationFolder {
  readonly dir: string
  readonly migrate: Migrate
  /** Writes a file of the folder. */
  write(name: string, text: string): Promise<void>
  remove(name: string): Promise<void>
  close(): Promise<void>
}

const quick = { firstTimeoutMs: 50, lastTimeoutMs: 100, tries: 3, concurrentTimeoutMs: 10_000 }

export async function openMigrations(
  db: Db,
  files: Readonly<Record<string, string>> = {},
  options: Partial<Omit<MigrateOptions, 'dir'>> = {},
): Promise<MigrationFolder> {
  const dir = await mkdtemp(join(tmpdir(), 'pgstrata-migrations-'))
  const write = (name: string, text: string): Promise<void> => writeFile(join(dir, name), text)
  await mkdir(dir, { recursive: true })
  for (const [name, text] of Object.entries(files)) await write(name, text)
  const migrate = createMigrate({
    db,
    options: { dir, ladder: quick, waitMs: 5_000, lint: { gate: 'off', rules: {} }, ...options },
    from: process.cwd(),
  })
  return {
    dir,
    migrate,
    write,
    remove: (name) => rm(join(dir, name)),
    close: () => rm(dir, { recursive: true, force: true }),
  }
}
