// The same schema has the same text, however it came about.

import { expect, it } from 'vitest'
import { dumpSchema } from '../../src/catalog/dump/index.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { describeOnEachVersion, testDatabase } from '../support/postgres.ts'
import { createFixture, dump, run } from './dump-support.ts'

describeOnEachVersion('the text of a schema', (version, database) => {
  it('does not depend on the order in which its objects were made', async () => {
    const other = await testDatabase(version)
    try {
      await createFixture(database().db, version, 'forwards')
      await createFixture(other.db, version, 'backwards')
      expect(await dump(other)).toBe(await dump(database()))
    } finally {
      await other.close()
    }
  })

  it('shows no trace of a column that was dropped', async () => {
    const before = await dump(database())
    await run(database().db, 'alter table app.users add column gone integer not null default 4 check (gone > 3)')
    await run(database().db, 'create index on app.users (gone)')
    expect(await dump(database())).not.toBe(before)
    await run(database().db, 'alter table app.users drop column gone')
    expect(await dump(database())).toBe(before)
  })

  it('shows no trace of a grant that was revoked, nor of an object that was dropped and made again', async () => {
    const before = await dump(database())
    await run(database().db, 'grant select on app.refs to pgstrata_dump_reader')
    await run(database().db, 'grant select (a) on app.refs to pgstrata_dump_reader')
    await run(database().db, 'grant execute on function app.final(numeric) to pgstrata_dump_reader')
    await run(database().db, 'revoke select on app.refs from pgstrata_dump_reader')
    await run(database().db, 'revoke select (a) on app.refs from pgstrata_dump_reader')
    await run(database().db, 'revoke execute on function app.final(numeric) from pgstrata_dump_reader')
    await run(database().db, 'drop index app.users_tags')
    await run(database().db, 'create index users_tags on app.users using gin (tags)')
    await run(database().db, 'alter table app.refs drop constraint refs_user')
    await run(
      database().db,
      `alter table app.refs add constraint refs_user foreign key (b) references app.users (id)
        on update cascade on delete set null deferrable initially deferred`,
    )
    expect(await dump(database())).toBe(before)
  })

  it('does not depend on the settings of who reads it', async () => {
    const before = await dump(database())
    await run(database().db, `alter database ${database().name} set search_path to app, public`)
    await run(database().db, `alter database ${database().name} set timezone to 'Asia/Tokyo'`)
    await run(database().db, `alter database ${database().name} set datestyle to 'German, DMY'`)
    await run(database().db, `alter database ${database().name} set quote_all_identifiers to on`)
    await run(database().db, `alter database ${database().name} set bytea_output to 'escape'`)
    const text = await withFreshConnection(database().url)
    expect(text).toBe(before)
  })
})

async function withFreshConnection(url: string): Promise<string> {
  const db = openDb({ url })
  try {
    return await dumpSchema(db)
  } finally {
    await db.close()
  }
}
