// A table that is truncated, rewritten, or written to in unusual ways while it is copied.

import { expect, test } from 'vitest'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import type { ConversionEvent } from '../../../src/partitions/convert/index.ts'
import type { State } from '../../../src/partitions/convert/states.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { byHash, byMonth, contentOf, createPlays, declare, openConversion } from './support.ts'

/** Runs `work` once, when the conversion has copied its first batch, or first is in `state`. */
function once(
  state: State,
  work: () => Promise<unknown>,
  anew: string[] = [],
): (event: ConversionEvent) => Promise<void> {
  let done = false
  return async (event) => {
    if (event.type === 'anew') anew.push(event.why)
    const due = state === 'copying' ? event.type === 'progress' : event.type === 'state'
    if (done || !due || !('state' in event) || event.state !== state) return
    done = true
    await work()
  }
}

async function copyWhile(
  db: Db,
  table: string,
  state: State,
  work: () => Promise<unknown>,
): Promise<readonly string[]> {
  const anew: string[] = []
  const outcome = await openConversion(db).convert(declare(table, byMonth), {
    full: true,
    onEvent: once(state, work, anew),
  })
  expect(outcome.ending).toBe('done')
  // What was done to it is in both: the old table is as it was at the swap.
  expect(await contentOf(db, table)).toEqual(await contentOf(db, `${table}_old`))
  return anew
}

describeOnEachVersion('a table that is copied', (_version, database) => {
  test.each(['vacuum full', 'cluster'])('%s: the copying begins anew', async (how) => {
    const { db } = database()
    const table = how.replace(' ', '_')
    await createPlays(db, table, 20_000)
    const anew = await copyWhile(db, table, 'copying', async () => {
      await db.query(sql.raw(`delete from ${table} where id % 3 = 0`))
      await db.query(sql.raw(how === 'cluster' ? `cluster ${table} using ${table}_pkey` : `${how} ${table}`))
    })
    expect(anew).toEqual(['rewritten'])
    expect(Number((await contentOf(db, table)).rows)).toBe(20_000 - 6_666)
  })

  test.each(['copying', 'catching', 'verifying', 'closing', 'swapping'] as const)(
    'truncated while %s: nothing comes back',
    async (state) => {
      const { db } = database()
      const table = `truncated_${state}`
      await createPlays(db, table, 20_000)
      const anew = await copyWhile(db, table, state, async () => {
        await db.query(sql.raw(`truncate ${table}`))
        await db.query(sql.raw(`insert into ${table} values (1, now(), 1, 'new'), (2, now(), 2, 'new')`))
      })
      expect(anew).toEqual(['truncated'])
      expect((await contentOf(db, table)).rows).toBe('2')
    },
  )

  test('writers that run as a replica does are captured', async () => {
    const { db } = database()
    await createPlays(db, 'replicated', 20_000)
    await copyWhile(db, 'replicated', 'copying', () =>
      db.withSession(async (session) => {
        await session.query(sql.raw(`begin; set local session_replication_role = replica`))
        await session.query(sql`update replicated set note = 'changed' where id % 5 = 0`)
        await session.query(sql`delete from replicated where id % 7 = 0`)
        await session.query(sql`commit`)
      }),
    )
    const { rows } = await db.query(sql`
      select count(*)::int as rows, count(*) filter (where note = 'changed')::int as changed from replicated`)
    expect(rows).toEqual([{ rows: 20_000 - 2_857, changed: 4_000 - 571 }])
  })

  test('much that is written right before the swap is carried over before the lock, and behind that after another round', async () => {
    const { db } = database()
    await createPlays(db, 'busy', 3_000)
    const states: string[] = []
    let late = 0
    const outcome = await openConversion(db).convert(declare('busy', byMonth), {
      full: true,
      onEvent: async (event) => {
        if (event.type === 'state') states.push(event.state)
        const isLate = event.type === 'transaction' && event.moment === 'committed' && event.state === 'swapping'
        if ((event.type === 'state' && event.state === 'swapping') || (isLate && late++ === 1))
          await db.query(sql`update busy set note = note || '.'`)
      },
    })
    expect(outcome.ending).toBe('done')
    expect(states.slice(-6)).toEqual(['closing', 'swapping', 'closing', 'swapping', 'settling', 'done'])
    expect(await contentOf(db, 'busy')).toEqual(await contentOf(db, 'busy_old'))
  })

  test('values that change places under a second unique key are carried over', async () => {
    const { db } = database()
    await db.query(sql`create table "Accounts" (id int primary key, email text not null, unique (id, email))`)
    await db.query(sql`insert into "Accounts" select g, 'user ' || g from generate_series(1, 3000) as g`)
    const declared = declare('Accounts', byHash)
    const outcome = await openConversion(db).convert(declared, {
      full: true,
      onEvent: once('catching', () => db.query(sql`update "Accounts" set email = 'user ' || (3001 - id)`)),
    })
    expect(outcome.ending).toBe('done')
    expect(await contentOf(db, 'Accounts')).toEqual(await contentOf(db, 'Accounts_old'))
  })

  test('rows at -infinity keep their partition, wherever the others begin and end meanwhile', async () => {
    const { db } = database()
    await createPlays(db, 'reaching', 2_000)
    await db.query(sql`insert into reaching values (0, '-infinity', 1, '')`)
    await copyWhile(db, 'reaching', 'catching', async () => {
      await db.query(sql`delete from reaching where isfinite(played_at) and played_at < now() - interval '200 days'`)
      await db.query(sql`insert into reaching values (5000, now() + interval '3 years', 1, 'ahead')`)
    })
    await createPlays(db, 'reaching_back', 2_000)
    await db.query(sql`insert into reaching_back values (0, '-infinity', 1, '')`)
    await copyWhile(db, 'reaching_back', 'catching', async () => {
      await db.query(sql`insert into reaching_back values (5000, now() - interval '3 years', 1, 'behind')`)
      await db.query(sql`insert into reaching_back values (5001, now() + interval '3 years', 1, 'ahead')`)
    })
  })

  test('a policy forced on its owner in between is no reason to lose what it hides', async () => {
    const { db, url } = database()
    const role = `forced_${database().version}_${database().name}`
    await db.withSession(ensureInstalled)
    await db.query(sql.raw(`create role "${role}" login; grant create on schema public to "${role}"`))
    await db.query(sql.raw(`grant create on database "${database().name}" to "${role}"`))
    await db.query(
      sql.raw(
        `grant usage, create on schema pgstrata to "${role}"; grant all on all tables in schema pgstrata to "${role}"`,
      ),
    )
    const owner = openDb({ url: Object.assign(new URL(url), { username: role }).href })
    try {
      await createPlays(owner, 'hidden', 500)
      await owner.query(sql`create policy visible on hidden using (id > 100)`)
      await owner.query(sql`alter table hidden enable row level security`)
      const conversion = openConversion(owner)
      const declared = declare('hidden', byMonth)
      const failing = conversion.convert(declared, {
        full: true,
        onEvent: once('closing', async () => {
          await db.query(sql`update hidden set note = 'seen' where id < 50`)
          await owner.query(sql`alter table hidden force row level security`)
        }),
      })
      await expect(failing).rejects.toMatchObject({ code: 'DATABASE_PRIVILEGE' })
      await owner.query(sql`alter table hidden no force row level security`)
      expect(await conversion.resume(declared)).toMatchObject({ ending: 'done' })
      expect(await contentOf(db, 'hidden')).toEqual(await contentOf(db, 'hidden_old'))
      expect((await contentOf(db, 'hidden')).rows).toBe('500')
    } finally {
      await owner.close()
      await db.query(sql.raw(`drop owned by "${role}" cascade; drop role "${role}"`))
    }
  })

  test('a column added in between stops it before the swap, and it can be taken back', async () => {
    const { db } = database()
    await createPlays(db, 'widened', 500)
    const conversion = openConversion(db)
    const declared = declare('widened', byMonth)
    await expect(
      conversion.convert(declared, {
        full: true,
        onEvent: once('swapping', () => db.query(sql`alter table widened add column more int default 7`)),
      }),
    ).rejects.toMatchObject({
      code: 'CONVERT_FAILED',
      message: expect.stringContaining('was changed while it was converted'),
    })
    expect((await conversion.abort(declared)).ending).toBe('aborted')
    const { rows } = await db.query(sql`select count(*)::int as rows, sum(more)::int as more from widened`)
    expect(rows).toEqual([{ rows: 500, more: 3_500 }])
  })

  test('triggers that were switched off meanwhile, and on again, stop it before the swap', async () => {
    const { db } = database()
    await createPlays(db, 'unnoted', 500)
    const conversion = openConversion(db)
    const declared = declare('unnoted', byMonth)
    const behindItsBack = async (): Promise<void> => {
      await db.query(sql`alter table unnoted disable trigger all`)
      await db.query(sql`delete from unnoted where id < 10`)
      await db.query(sql`alter table unnoted enable trigger all`)
    }
    await expect(
      conversion.convert(declared, { full: true, onEvent: once('closing', behindItsBack) }),
    ).rejects.toMatchObject({ code: 'CONVERT_FAILED', message: expect.stringContaining('switched off') })
    expect((await conversion.abort(declared)).ending).toBe('aborted')
    expect((await contentOf(db, 'unnoted')).rows).toBe('491')
  })

  test('a copy that is not the same is never swapped in, and the error says where it differs', async () => {
    const { db } = database()
    await createPlays(db, 'spoilt', 500)
    const conversion = openConversion(db)
    const declared = declare('spoilt', byHash)
    const failing = conversion.convert(declared, {
      full: true,
      onEvent: once('verifying', () => db.query(sql`update spoilt_incoming set note = 'wrong' where id = 77`)),
    })
    await expect(failing).rejects.toMatchObject({
      code: 'CONVERT_MISMATCH',
      notes: [expect.stringMatching(/spoilt_part_\d: rows differ/)],
    })
    expect((await conversion.status(declared))?.state).toBe('verifying')
    expect((await conversion.abort(declared)).ending).toBe('aborted')
    expect((await contentOf(db, 'spoilt')).rows).toBe('500')
  })
})
