// Who may do what, and when: one process at a time, pausing and going back from elsewhere, and giving up on a lock.

import { expect, test } from 'vitest'
import { systemClock, type Clock } from '../../../src/base/clock.ts'
import type { Layout } from '../../../src/partitions/options.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { byHash, byMonth, contentOf, createPlays, declare, openConversion } from './support.ts'

/** Pauses between tries are cut short; the tries are real. */
const hasty: Clock = { ...systemClock, sleep: (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 2), signal) }

describeOnEachVersion('a conversion', (_version, database) => {
  test('is worked on by one process at a time', async () => {
    const { db } = database()
    await createPlays(db, 'twice', 500)
    const declared = declare('twice', byMonth)
    const conversion = openConversion(db)
    const refusals: unknown[] = []
    const outcome = await conversion.convert(declared, {
      full: true,
      onEvent: async (event) => {
        if (event.type !== 'state' || event.state !== 'filling') return
        const code = (error: { code?: string }): string | undefined => error.code
        // Both are listened to from the beginning: the one behind may be refused first.
        refusals.push(
          ...(await Promise.all([
            conversion.convert(declared, { full: true }).catch(code),
            conversion.resume(declared).catch(code),
          ])),
        )
      },
    })
    expect(refusals).toEqual(['CONVERT_BUSY', 'CONVERT_BUSY'])
    expect(outcome.ending).toBe('done')
  })

  test('stops after its batch when it is asked to, and goes on when it is asked again', async () => {
    const { db } = database()
    await createPlays(db, 'paused', 20_000)
    const declared = declare('paused', byMonth)
    const conversion = openConversion(db)
    const first = await conversion.convert(declared, {
      full: true,
      onEvent: async (event) => {
        if (event.type === 'progress') await conversion.pause(declared)
      },
    })
    expect(first).toMatchObject({ ending: 'paused', record: { state: 'copying', request: 'pause' } })
    expect(first.record.rowsCopied).toBeGreaterThan(0)
    expect(first.record.rowsCopied).toBeLessThan(20_000)
    expect(await conversion.resume(declared)).toMatchObject({ ending: 'done', record: { rowsCopied: 20_000 } })
    await expect(conversion.resume(declared)).rejects.toMatchObject({ code: 'CONVERT_STATE' })
    await expect(conversion.pause(declared)).rejects.toMatchObject({ code: 'CONVERT_STATE' })
  })

  test('is taken back by another process while one works on it', async () => {
    const { db } = database()
    await createPlays(db, 'taken_back', 20_000)
    const before = await contentOf(db, 'taken_back')
    const declared = declare('taken_back', byMonth)
    const conversion = openConversion(db)
    let aborting: Promise<unknown> | undefined
    const first = await conversion.convert(declared, {
      full: true,
      onEvent: async (event) => {
        if (event.type !== 'progress' || aborting !== undefined) return
        aborting = conversion.abort(declared)
        while ((await conversion.status(declared))?.request !== 'abort');
      },
    })
    expect(first.ending).toBe('asked to abort')
    expect(await aborting).toMatchObject({ ending: 'aborted' })
    expect(await contentOf(db, 'taken_back')).toEqual(before)
    const { rows } = await db.query(sql`select from pg_trigger where tgrelid = 'taken_back'::regclass`)
    expect(rows).toEqual([])
  })

  test('cannot be taken back once it was swapped', async () => {
    const { db } = database()
    await createPlays(db, 'too_late', 500)
    const declared = declare('too_late', byMonth)
    const conversion = openConversion(db)
    const refused: unknown[] = []
    await conversion.convert(declared, {
      onEvent: async (event) => {
        if (event.type !== 'state' || event.state !== 'settling') return
        refused.push(await conversion.abort(declared).catch((error: unknown) => error))
      },
    })
    expect(refused).toMatchObject([{ code: 'CONVERT_STATE', message: expect.stringContaining('too late') }])
  })

  test('gives up after fifty tries for a lock, says who holds it, and goes on when it is free', async () => {
    const { db } = database()
    await createPlays(db, 'read_for_long', 500)
    const declared = declare('read_for_long', byMonth)
    const ladder = { firstTimeoutMs: 4, lastTimeoutMs: 8, tries: 3, concurrentTimeoutMs: 10_000 }
    const conversion = openConversion(db, { clock: hasty, ladder })
    const busy: number[] = []
    await db.withSession(async (reader) => {
      await reader.query(sql.raw(`begin; select count(*) from read_for_long`))
      const failure: unknown = await conversion
        .convert(declared, { full: true, onEvent: (event) => void (event.type === 'busy' && busy.push(event.attempt)) })
        .catch((error: unknown) => error)
      expect(failure).toMatchObject({
        code: 'LOCK_TIMEOUT',
        message: expect.stringContaining('50 tries (swapping)'),
        notes: [expect.stringMatching(new RegExp(`^blocked by backend ${reader.pid} .*idle in transaction`))],
      })
      // Nobody was kept from reading in between, nor from writing.
      await reader.query(sql`insert into read_for_long values (1000, now(), 1, 'beside it')`)
      await reader.query(sql`commit`)
    })
    expect(busy).toEqual(Array.from({ length: 49 }, (_, index) => index + 1))
    expect(await conversion.resume(declared)).toMatchObject({ ending: 'done' })
    expect((await contentOf(db, 'read_for_long')).rows).toBe('501')
  })

  test('ends with the failure of who listens, while it waits for a lock too', async () => {
    const { db } = database()
    await createPlays(db, 'listened', 500)
    const conversion = openConversion(db, { clock: hasty })
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    try {
      await db.withSession(async (reader) => {
        await reader.query(sql.raw(`begin; select count(*) from listened`))
        const failing = conversion.convert(declare('listened', byMonth), {
          full: true,
          onEvent: async (event) => {
            if (event.type === 'busy') throw new RangeError('nobody listens')
          },
        })
        await expect(failing).rejects.toThrow('nobody listens')
        await reader.query(sql`rollback`)
      })
    } finally {
      process.off('unhandledRejection', note)
    }
    expect(unhandled).toEqual([])
    expect(await conversion.resume(declare('listened', byMonth))).toMatchObject({ ending: 'done' })
  })

  test('goes on only as it was begun: another layout is refused', async () => {
    const { db } = database()
    await createPlays(db, 'declared_anew', 500)
    const byId: Layout = { kind: 'id', column: 'id', step: 100n, split: undefined }
    const conversion = openConversion(db)
    const begun = await conversion.convert(declare('declared_anew', byId), {
      full: true,
      onEvent: async (event) => {
        if (event.type === 'state' && event.state === 'copying') await conversion.pause(declare('declared_anew', byId))
      },
    })
    expect(begun.ending).toBe('paused')
    for (const layout of [byHash, { ...byId, step: 200n }])
      await expect(conversion.convert(declare('declared_anew', layout), { full: true })).rejects.toMatchObject({
        code: 'CONVERT_STATE',
        message: expect.stringContaining('another layout'),
      })
    expect(await conversion.convert(declare('declared_anew', byId))).toMatchObject({ ending: 'done' })
  })

  test('is asked to stop by an abort that cannot wait as long, and is taken back by the next one', async () => {
    const { db } = database()
    await createPlays(db, 'slow_step', 500)
    const declared = declare('slow_step', byMonth)
    // Waiting for the runner takes no time at all.
    let atMs = 0
    const impatient: Clock = {
      ...systemClock,
      monotonic: () => (atMs += 10_000),
      sleep: async () => undefined,
    }
    const conversion = openConversion(db)
    const refused: unknown[] = []
    const outcome = await conversion.convert(declared, {
      full: true,
      onEvent: async (event) => {
        if (event.type !== 'state' || event.state !== 'filling') return
        refused.push(
          await openConversion(db, { clock: impatient })
            .abort(declared)
            .catch((error: unknown) => error),
        )
      },
    })
    expect(refused).toMatchObject([{ code: 'CONVERT_BUSY', advice: expect.stringContaining('--abort') }])
    expect(outcome.ending).toBe('asked to abort')
    expect(await conversion.abort(declared)).toMatchObject({ ending: 'aborted' })
  })

  test('lets a transaction with an older snapshot look first', async () => {
    const { db } = database()
    await createPlays(db, 'looked_at', 500)
    const declared = declare('looked_at', byMonth)
    const conversion = openConversion(db, { clock: hasty })
    let ended = false
    const seen: unknown[] = []
    await db.withSession(async (reader) => {
      await conversion.convert(declared, {
        full: true,
        onEvent: async (event) => {
          // Its snapshot is older than all that the swap will write, and it has not touched the table yet.
          if (event.type === 'state' && event.state === 'catching')
            await reader.query(sql.raw(`begin isolation level repeatable read; select 1`))
          if (event.type !== 'busy' || ended) return
          ended = true
          const { rows } = await reader.query(sql`select count(*)::int as rows from looked_at`)
          seen.push(...rows)
          await reader.query(sql`commit`)
        },
      })
    })
    expect(seen).toEqual([{ rows: 500 }])
  })

  test('does not begin with a refusal: a table without a key, a name that is taken, rows at infinity', async () => {
    const { db } = database()
    await db.query(sql`create table keyless (id int not null, played_at timestamptz not null)`)
    await db.query(sql`insert into keyless values (1, now())`)
    const conversion = openConversion(db)
    const refusal = async (table: string, layout = byMonth): Promise<unknown> =>
      await conversion.convert(declare(table, layout), { full: true }).catch((error: { code?: string }) => error.code)
    expect(await refusal('keyless')).toBe('CONVERT_REFUSED')
    expect(await refusal('nowhere')).toBe('TABLE_UNKNOWN')
    await createPlays(db, 'endless', 100)
    await db.query(sql`insert into endless values (999, 'infinity', 1, '')`)
    expect(await refusal('endless')).toBe('PARTITION_OUTSIDE')
    await db.query(sql`update endless set played_at = '-infinity' where id = 999`)
    expect((await conversion.convert(declare('endless', byMonth), { full: true })).ending).toBe('done')
    expect((await contentOf(db, 'endless')).rows).toBe('101')
    await createPlays(db, 'named', 100)
    await db.query(sql`create table named_part_2 (id int)`)
    expect(await refusal('named', byHash)).toBe('CONVERT_REFUSED')
    const { rows } = await db.query(sql`
      select from pgstrata.conversion where table_name in ('keyless', 'nowhere', 'named')`)
    expect(rows).toEqual([])
  })
})
