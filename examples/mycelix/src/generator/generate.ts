// A database of mycelix with a life behind it: artists, songs, listeners, and a year of plays and payments up to now.
//
// Promises: the same seed, number of plays and moment give the same rows in an empty database (but for the numbers that it gives itself).
// Into empty tables rows are loaded bare: indexes, foreign keys and rollups are away meanwhile, and there again at the end, also after
// Ctrl-C or an error. Where the process was killed, `mendLoad`, and so the next call, makes them again. Tables that have rows are added
// to, with everything in its place. Each week of plays is one COPY: what was copied stays when the rest is stopped.

import { describeFailure, KitError, silent, type MakeBar } from 'pgstrata-example-kit'
import { sql, transaction, type Db, type Strata } from 'pgstrata'
import { onlyRow } from '../db/rows.ts'
import { withBar } from './bar.ts'
import { fill, type Counts, type Work } from './fill.ts'
import { alone } from './load/guard.ts'
import { mendNow } from './load/mend.ts'
import { takeRollupsAway } from './load/rollups.ts'
import { takeDown } from './load/taken-down.ts'
import { tidy } from './load/tidy.ts'
import { fullPlays, sizesOf } from './sizes.ts'

export interface GenerateOptions {
  /** Everything else is scaled with them. Default: ten million. */
  readonly plays?: number
  readonly seed?: number
  /** The end of the year. Default: now. */
  readonly now?: Date
  /** What becomes of rows that are there. Default: `append`. */
  readonly existing?: 'append' | 'refuse' | 'reset'
  /** Whether indexes, foreign keys and rollups are made again before it ends. `leave`: the data is thrown away. Default: `mend`. */
  readonly ifStopped?: 'mend' | 'leave'
  /** Makes the bar of a part of the work. Default: none is shown. */
  readonly progress?: MakeBar
  readonly signal?: AbortSignal
}

export interface GenerateReport extends Counts {
  /** How it was loaded: `bare` tables, or with everything in its place. */
  readonly how: 'bare' | 'append'
  /** Something was left by a load that was killed, and made again before. */
  readonly mended: boolean
  readonly tookMs: number
}

export async function generate(strata: Strata, options: GenerateOptions = {}): Promise<GenerateReport> {
  const {
    plays = fullPlays,
    seed = 1,
    now = new Date(),
    existing = 'append',
    ifStopped = 'mend',
    progress = () => silent,
    signal,
  } = options
  const sizes = sizesOf(plays)
  const work: Work = { strata, sizes, seed, now, bar: progress, signal }
  const beganMs = performance.now()
  await requireTables(strata.db)
  return await alone(strata.db, async () => {
    const mended = await mendNow(strata, progress)
    const hasRows = await hasPlays(strata.db)
    if (hasRows && existing === 'refuse')
      throw new KitError('Expected a database without plays, found some → say --append to add to them, or --reset')
    const how = hasRows && existing === 'append' ? 'append' : 'bare'
    const bare = { empties: existing === 'reset', ifStopped }
    const counts = how === 'append' ? await append(work) : await loadBare(work, bare)
    return { how, mended, ...counts, tookMs: Math.round(performance.now() - beganMs) }
  })
}

async function requireTables(db: Db): Promise<void> {
  const { ready } = onlyRow(
    await db.query<{ ready: boolean }>(sql`
      select coalesce((select relkind = 'p' from pg_class where oid = to_regclass('plays')), false) as ready`),
  )
  if (!ready)
    throw new KitError('Expected the tables of mycelix, plays cut into months; found none → run npm run deploy first')
}

async function hasPlays(db: Db): Promise<boolean> {
  const { has } = onlyRow(
    await db.query<{ has: boolean }>(sql`
      select exists (select from plays) or exists (select from payments) as has`),
  )
  return has
}

interface BareLoad extends Required<Pick<GenerateOptions, 'ifStopped'>> {
  readonly empties: boolean
}

async function loadBare(work: Work, { empties, ifStopped }: BareLoad): Promise<Counts> {
  const { strata, bar, signal } = work
  const load = async (): Promise<Counts> => {
    await takeRollupsAway(strata)
    await makeBare(strata.db, empties)
    return await fill(work)
  }
  if (ifStopped === 'leave') return await loadWhole(work, load)
  const counts = await load().catch(async (error: unknown) => {
    await mendAfter(error, work)
    if (signal?.aborted === true)
      throw new KitError('Stopped. What was in by then is kept; indexes, foreign keys and rollups are there again.')
    throw error
  })
  await mendNow(strata, bar)
  await tidy(strata.db, bar)
  return counts
}

/** Stopped between any two parts of the work. */
async function loadWhole({ strata, bar, signal }: Work, load: () => Promise<Counts>): Promise<Counts> {
  try {
    const counts = await load()
    await mendNow(strata, bar, signal)
    await tidy(strata.db, bar)
    return counts
  } catch (error) {
    throw signal?.aborted === true ? new KitError('Stopped. What was in by then is not kept.') : error
  }
}

async function mendAfter(error: unknown, { strata, bar }: Work): Promise<void> {
  try {
    await mendNow(strata, bar)
  } catch (reason) {
    const what = `Indexes, foreign keys and rollups could not be made again: ${describeFailure(reason)}`
    throw new KitError(`${describeFailure(error)}\n${what}\n→ npm run deploy makes what is missing`, { cause: error })
  }
}

/** Whoever wrote a play in the meantime is not to lose it. */
async function makeBare(db: Db, empties: boolean): Promise<void> {
  await transaction(
    db,
    async (tx) => {
      await tx.query(sql`lock table plays, payments in access exclusive mode`)
      if (empties) await tx.query(sql`truncate plays, payments, songs, artists, listeners restart identity`)
      const { has } = onlyRow(
        await tx.query<{ has: boolean }>(sql`
          select exists (select from plays) or exists (select from payments) as has`),
      )
      if (has) throw new KitError('Somebody began to write plays just now → stop the service, or say --append')
      await takeDown(tx)
    },
    { lockTimeoutMs: 30_000 },
  )
}

/** With indexes, foreign keys and rollups in their places: about five times slower. Statistics are left to autovacuum. */
async function append(work: Work): Promise<Counts> {
  const counts = await fill(work)
  const { length } = work.strata.rollup.declared
  await withBar(work.bar({ label: 'Merging', total: length, unit: 'rollups' }), async (bar) => {
    await work.strata.rollup.merge({ signal: work.signal, onMerged: () => bar.add() })
  })
  return counts
}
