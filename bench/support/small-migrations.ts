// Many small migrations, such as a project has after some years, for two tools: the same statements in the same order,
// each with its way back, in files as each tool wants them.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

interface SmallMigration {
  readonly what: string
  readonly up: string
  readonly down: string
}

/** One after the other, for each table. */
const kinds: readonly ((table: string) => SmallMigration)[] = [
  (table) => ({
    what: `create_${table}`,
    up: `create table ${table} (
  id bigint generated always as identity primary key,
  name text not null,
  created_at timestamptz not null default now()
);`,
    down: `drop table ${table};`,
  }),
  (table) => ({
    what: `note_on_${table}`,
    up: `alter table ${table} add column note text;`,
    down: `alter table ${table} drop column note;`,
  }),
  (table) => ({
    what: `describe_${table}`,
    up: `comment on table ${table} is 'What this table holds';\ncomment on column ${table}.note is 'Words of a person';`,
    down: `comment on column ${table}.note is null;\ncomment on table ${table} is null;`,
  }),
  (table) => ({
    what: `find_${table}_by_name`,
    up: `create index ${table}_name_idx on ${table} (name);`,
    down: `drop index ${table}_name_idx;`,
  }),
  (table) => ({
    what: `first_${table}`,
    up: `insert into ${table} (name, note)\nvalues ('one', null), ('two', null), ('three', 'the last');`,
    down: `delete from ${table};`,
  }),
]

export interface MigrationFolders {
  readonly ours: string
  readonly theirs: string
}

/** Writes `count` migrations for both below `root`. */
export async function writeMigrations(root: string, count: number): Promise<MigrationFolders> {
  const folders = { ours: join(root, 'pgstrata'), theirs: join(root, 'node-pg-migrate') }
  await Promise.all(Object.values(folders).map((folder) => mkdir(folder, { recursive: true })))
  for (let number = 0; number < count; number++) {
    const { what, up, down } = migrationAt(number)
    const version = String(number + 1).padStart(6, '0')
    const milliseconds = 1_700_000_000_000 + number
    await writeFile(join(folders.ours, `${version}_${what}.sql`), `-- up\n${up}\n\n-- down\n${down}\n`)
    await writeFile(
      join(folders.theirs, `${milliseconds}_${what.replaceAll('_', '-')}.sql`),
      `-- Up Migration\n${up}\n\n-- Down Migration\n${down}\n`,
    )
  }
  return folders
}

function migrationAt(number: number): SmallMigration {
  const make = kinds[number % kinds.length]
  if (make === undefined) throw new RangeError('There is no kind of migration')
  return make(`item_${Math.floor(number / kinds.length) + 1}`)
}
