// A dump is complete as far as it goes: what is made of it has the same dump, and nothing is left out.

import { expect, it } from 'vitest'
import { describeOnEachVersion, testDatabase } from '../support/postgres.ts'
import { readSchema, renderScript, scriptSettings } from '../../src/catalog/dump/index.ts'
import { createFixture, dump, restoreCopy, run } from './dump-support.ts'

describeOnEachVersion(
  'a schema with one of everything',
  (version, database) => {
    it('comes back as it was', async () => {
      const before = await dump(database())
      const { copy, restored } = await restoreCopy(database())
      try {
        expect(restored.skipped.map(({ object, reason }) => `${object.identity}: ${reason}`)).toEqual([])
        expect(await dump(copy)).toBe(before)
      } finally {
        await copy.close()
      }
    })

    it('is a script that runs from top to bottom', async () => {
      const objects = await readSchema(database().db)
      const copy = await testDatabase(version)
      try {
        await copy.db.withSession(async (session) => {
          for (const [name, value] of Object.entries(scriptSettings)) await run(session, `set ${name} = '${value}'`)
          for (const part of renderScript(objects).split(/^(?=-- )/m)) await run(session, part)
        })
        expect(await dump(copy)).toBe(await dump(database()))
      } finally {
        await copy.close()
      }
    })
  },
  async (database) => createFixture(database.db, database.version),
)
