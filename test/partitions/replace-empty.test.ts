// A table that only looks empty to who applies.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { onlyRow } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { contributePartitions } from '../../src/partitions/contribute.ts'
import { readBound } from '../../src/partitions/convert/bound/index.ts'
import { applyPlan } from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { applyTables, declare } from './support.ts'

describe.each(versions)('an empty table on PostgreSQL %d', (version) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(version)
  })
  afterEach(() => database.close())

  test('that is empty only behind a policy is not replaced', async () => {
    const { db } = database
    const owner = `owner_${database.name}`
    await db.query(
      sql.raw(`create role ${owner} login; grant create, usage on schema public to ${owner};
        grant create on database "${database.name}" to ${owner};
        create table plays (id int, at timestamptz not null);
        insert into plays values (1, now());
        alter table plays owner to ${owner};
        alter table plays enable row level security;
        alter table plays force row level security`),
    )
    const asOwner = openDb({ url: Object.assign(new URL(database.url), { username: owner }).href })
    try {
      const { held } = await applyTables(asOwner, [declare()])
      expect(held.map(({ why }) => why)).toEqual([expect.stringMatching(/cannot be read: .*row-level security/)])
      // Nor where the policy comes behind the plan.
      await db.query(sql`alter table plays no force row level security; delete from plays`)
      const planned = await asOwner.withSession((session) =>
        contributePartitions(session, { tables: [declare()], readBound }),
      )
      await db.query(sql`insert into plays values (1, now()); alter table plays force row level security`)
      const apply = applyPlan({
        db: asOwner,
        contribute: () => Promise.resolve([planned]),
        ladder: { firstTimeoutMs: 50, lastTimeoutMs: 100, tries: 3, concurrentTimeoutMs: 10_000 },
        waitMs: 5_000,
        clock: systemClock,
        random: () => 0.5,
      })
      await expect(apply).rejects.toThrow(/row-level security/)
      const answer = await db.query<{ kind: string; n: number }>(
        sql`select c.relkind as kind, (select count(*) from plays)::int as n from pg_class c where c.oid = 'plays'::regclass`,
      )
      expect(onlyRow(answer)).toEqual({ kind: 'r', n: 1 })
    } finally {
      await asOwner.close()
      await db.query(sql.raw(`drop owned by ${owner} cascade; drop role ${owner}`))
    }
  })
})
