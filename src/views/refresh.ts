// Refreshing one view, and several in order.
//
// What holds: one at a time refreshes a view, held apart by an advisory lock that goes with the transaction; a refresh is one
// transaction together with the note of when it was true, so whoever is killed has refreshed the view and said so, or neither.
// CONCURRENTLY lets readers go on and waits up to 30 s for whoever writes the view itself; plainly it needs the view alone, and
// climbs the lock ladder, so that nobody queues behind it for longer than a rung.
// On failure the view is as it was; that it failed, and why, is noted. A lost connection and the end of the time end it all.

import { checkpoint, type Clock } from '../base/clock.ts'
import { isStrataError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Queryable, Session } from '../db/db.ts'
import { buildLadder, climb, type LadderOptions } from '../plan/index.ts'
import { sql } from '../sql/sql.ts'
import { isConnectionLost } from '../sql/sqlstate.ts'
import { explainRefresh } from './failure.ts'
import { placeOf, viewLockArguments } from './names.ts'
import type { Upstream } from './order.ts'
import { isConcurrent, readFound, type KeptView } from './queries.ts'

interface RefreshTools {
  readonly ladder: LadderOptions
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  /** The last thing in the transaction of each refresh. */
  readonly confirm?: ((tx: Queryable) => Promise<void>) | undefined
}

export interface ViewRefresh {
  readonly name: string
  /** `busy`: another session is at it. `skipped`: one that it reads failed. */
  readonly outcome: 'refreshed' | 'busy' | 'failed' | 'skipped'
  readonly how: 'concurrently' | 'plainly' | null
  readonly tookMs: number
  readonly rows: number | null
  /** Why it was not refreshed. */
  readonly why: string | null
}

interface RefreshOptions extends RefreshTools {
  /** Undefined: where it can be. */
  readonly concurrently?: boolean | undefined
}

/** Of a refresh that lets readers go on: nobody queues behind its wait. */
const patientMs = 30_000

async function refreshView(session: Session, view: KeptView, options: RefreshOptions): Promise<ViewRefresh> {
  const begunMs = options.clock.monotonic()
  const ended = (said: Partial<ViewRefresh>): ViewRefresh => ({
    name: view.name,
    outcome: 'failed',
    how: null,
    tookMs: options.clock.monotonic() - begunMs,
    rows: null,
    why: null,
    ...said,
  })
  try {
    const found = (await readFound(session, [view])).get(view.name)
    if (found?.kind !== 'm') return ended({ why: 'it is not there: run `pgstrata apply`' })
    const can = isConcurrent(found)
    if (options.concurrently === true && !can) return ended({ why: whyPlainly(found) })
    const how = can && options.concurrently !== false ? 'concurrently' : 'plainly'
    if (!(await attempt(session, view, { ...options, oid: found.oid, how }))) {
      return ended({ outcome: 'busy', why: 'another session is refreshing it' })
    }
    const tookMs = options.clock.monotonic() - begunMs
    return ended({ outcome: 'refreshed', how, tookMs, rows: await noteMeasures(session, view, tookMs) })
  } catch (error) {
    checkpoint(options.signal)
    if (isConnectionLost(error) || isStrataError(error, 'LEASE_LOST') || isStrataError(error, 'INTERRUPTED'))
      throw error
    const why = explainRefresh(error)
    await session.query(sql`
      update pgstrata.view
      set failed_at = clock_timestamp(), last_error = ${why}
      where name = ${view.name}`)
    return ended({ why })
  }
}

function whyPlainly({ populated }: { readonly populated: boolean }): string {
  return populated
    ? 'it has no unique index on plain columns and all rows, which CONCURRENTLY needs: declare `unique`'
    : 'it holds nothing yet, and CONCURRENTLY needs what was there before: refresh it plainly once'
}

interface Attempt extends RefreshTools {
  readonly oid: number
  readonly how: 'concurrently' | 'plainly'
}

/** False: somebody else is at it. */
async function attempt(session: Session, view: KeptView, options: Attempt): Promise<boolean> {
  const { oid, how, ladder, clock, random, signal, confirm } = options
  let taken = false
  const rungs = buildLadder(ladder)
  const patient = { ...rungs, rungs: [{ lockTimeoutMs: patientMs, pauseMs: 0 }] }
  await climb(
    { session, ladder: how === 'plainly' ? rungs : patient, clock, random, signal },
    async (lockTimeoutMs) => {
      await session.query(
        sql.raw(`begin isolation level read committed; set local lock_timeout = '${lockTimeoutMs}ms'`),
      )
      const { rows } = await session.query<{ taken: boolean }>(
        sql`select pg_try_advisory_xact_lock(${sql.raw(viewLockArguments(String(oid)))}) as taken`,
      )
      taken = rows[0]?.taken === true
      if (taken) {
        await session.query(sql.raw(`refresh materialized view ${how === 'plainly' ? '' : `${how} `}${placeOf(view)}`))
        await session.query(sql`
        update pgstrata.view
        set last_refreshed = transaction_timestamp(), refreshed_how = ${how}, failed_at = null, last_error = null
        where name = ${view.name}`)
        await confirm?.(session)
      }
      await session.query(sql`commit`)
    },
  )
  return taken
}

/** Counted afterwards, when nobody waits for the view: it takes a moment, next to computing the rows. */
async function noteMeasures(session: Session, view: KeptView, tookMs: number): Promise<number | null> {
  const rows = await session
    .query<{ rows: number }>(sql`select count(*)::float8 as rows from ${sql.raw(placeOf(view))}`)
    .then(
      (counted) => counted.rows[0]?.rows ?? null,
      (error: unknown) => {
        if (isConnectionLost(error)) throw error
        return null
      },
    )
  await session.query(sql`
    update pgstrata.view
    set refresh_ms = ${tookMs}, row_count = ${rows}::float8::bigint
    where name = ${view.name}`)
  return rows
}

export interface ViewProgress {
  readonly name: string
  readonly done: number
  readonly total: number
}

export interface SeveralOptions extends RefreshOptions {
  readonly upstream: Upstream
  readonly onProgress?: ((progress: ViewProgress) => void) | undefined
  /** Asked before each: the rest is left to another time. */
  readonly isEnough?: (() => boolean) | undefined
}

/** In the order given. One that fails takes with it those that read it, and no others. */
export async function refreshInOrder(
  session: Session,
  views: readonly KeptView[],
  options: SeveralOptions,
): Promise<readonly ViewRefresh[]> {
  const done: ViewRefresh[] = []
  const failed = new Set<string>()
  for (const view of views) {
    checkpoint(options.signal)
    if (options.isEnough?.() === true) break
    options.onProgress?.({ name: view.name, done: done.length, total: views.length })
    const cause = [...(options.upstream.get(view.name) ?? [])].find((name) => failed.has(name))
    const ended: ViewRefresh =
      cause === undefined
        ? await refreshView(session, view, options)
        : {
            name: view.name,
            outcome: 'skipped',
            how: null,
            tookMs: 0,
            rows: null,
            why: `${cause}, which it reads, failed`,
          }
    if (ended.outcome === 'failed' || ended.outcome === 'skipped') failed.add(view.name)
    done.push(ended)
  }
  return done
}
