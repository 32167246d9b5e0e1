// Which version is installed, for roles that may look and for those that may not.

import { expect, test } from 'vitest'
import { ensureInstalled, newestVersion, readInstalledVersion } from '../../src/catalog/install.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

describeOnEachVersion('the installed version', (version, database) => {
  test('a role that may not look is told the grant; one that may is told the version', async () => {
    const { db } = database()
    const role = sql.ident(`Reads "nothing" ${version}`)
    await db.query(sql`create role ${role}`)
    try {
      await db.withSession(async (session) => {
        const as = async (): Promise<unknown> => {
          await session.query(sql`set role ${role}`)
          try {
            return await readInstalledVersion(session)
          } catch (error) {
            return error
          } finally {
            await session.query(sql`reset role`)
          }
        }
        expect(await as()).toBe(0)
        await ensureInstalled(session)
        const name = `"Reads ""nothing"" ${version}"`
        expect(await as()).toMatchObject({
          code: 'DATABASE_PRIVILEGE',
          advice: `Let its owner run: grant usage on schema pgstrata to ${name}`,
        })
        await session.query(sql`grant usage on schema pgstrata to ${role}`)
        expect(await as()).toMatchObject({
          code: 'DATABASE_PRIVILEGE',
          advice: `Let its owner run: grant select on all tables in schema pgstrata to ${name}`,
        })
        await session.query(sql`grant select on all tables in schema pgstrata to ${role}`)
        expect(await as()).toBe(newestVersion)
      })
    } finally {
      await db.query(sql`drop owned by ${role}; drop role ${role}`)
    }
  })
})
