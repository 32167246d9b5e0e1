// What this process saw goes to pgstrata.watch_call, watch_shape and watch_metric: every ten seconds, in one statement.
//
// What must be true: the 50 shapes that took most have rows of their own, all other statements are one, and all other work, so a flush is
// at most 52 shapes of the bins they have; texts are at most 5,000, of 2,000 characters: where there are as many, a shape that is new
// counts as one of all others until old ones have gone. What cannot be stored is kept, in the same bounded histograms, and goes with the next flush; the
// application is never disturbed. Where the connection is lost during the statement it may have been stored, and is then stored
// twice: nobody can know.
// State: how often it failed since it last went through, and what counters came to that could not be stored.

import { hostname } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { jitter, type Random } from '../../base/random.ts'
import type { Queryable } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { seriesOf, type Point } from '../model/metric.ts'
import { mostStoredTexts } from '../model/rows.ts'
import type { CallRecorder } from './recorder.ts'
import { restOfStatements, restOfWork, type TakenCalls } from './shapes.ts'

export interface FlushOptions {
  readonly recorder: CallRecorder
  readonly on: Queryable
  /** Of this process: how full its pool is, how well its cache does; of counters, what was added. Their first label is the process. */
  readonly points: () => Measured
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface CallFlush {
  /** Now, besides. Never rejects. */
  flush(): Promise<void>
  /** The last one, for at most five seconds. Idempotent. */
  close(): Promise<void>
}

const flushEveryMs = 10_000
const mostShapes = 50
/** Whoever closes does not wait for a server that does not answer. */
const lastFlushMs = 5_000
/** What an application's measurements are called by where the name of a node stands. */
const applicationNode = 'app'
const rests = [restOfStatements, restOfWork]
/** Of a text. */
const mostCharacters = 2_000

export function createCallFlush({ recorder, on, points, clock, random, logger }: FlushOptions): CallFlush {
  const processName = nameProcess(random)
  let failures = 0
  let left: Measured = []
  let running: Promise<void> | undefined
  let closing: Promise<void> | undefined
  let stop: (() => void) | undefined
  const store = async (): Promise<void> => {
    let taken: readonly TakenCalls[] = []
    try {
      await recorder.settle()
      taken = recorder.shapes.take(mostShapes)
      const measured = addCounters(points(), left).filter(({ value }) => Number.isFinite(value))
      left = measured.filter(({ metric }) => isCounter(metric))
      if (taken.length === 0 && measured.length === 0) return
      await on.query(storeStatement(taken, measured, processName))
      left = []
      failures = 0
    } catch (error) {
      recorder.shapes.putBack(taken)
      if (failures++ === 0)
        logger.warn('What statements took cannot be stored; it is kept', { error: messageOf(error) })
    }
  }
  const flush = (): Promise<void> => (running ??= store().finally(() => (running = undefined)))
  const plan = (): void => {
    const delayMs = jitter(flushEveryMs, 0.1, random)
    stop = clock.after(delayMs, () => void flush().then(() => (closing === undefined ? plan() : undefined)))
  }
  plan()
  const close = async (): Promise<void> => {
    stop?.()
    // What came in while one was under way is not in it.
    const last = (running ?? Promise.resolve()).then(flush)
    await new Promise<void>((resolve) => {
      const giveUp = clock.after(lastFlushMs, resolve)
      void last.finally(() => {
        giveUp()
        resolve()
      })
    })
  }
  return { flush, close: () => (closing ??= close()) }
}

type Measured = readonly Omit<Point, 'labels'>[]

function isCounter(metric: string): boolean {
  return metric.endsWith('_total')
}

/** Gauges say what is so now; what was counted is not lost with the flush that it was to go with. */
function addCounters(points: Measured, left: Measured): Measured {
  const gone = left.filter(({ metric }) => points.every((point) => point.metric !== metric))
  const added = points.map(({ metric, value }) => ({
    metric,
    value: value + (left.find((one) => one.metric === metric)?.value ?? 0),
  }))
  return [...added, ...gone]
}

/** The same machine may run several, and a restarted one is another: its counters begin anew. */
function nameProcess(random: Random): string {
  const own = Math.floor(random() * 0x1_0000_0000)
  return `${hostname()}:${own.toString(16).padStart(8, '0')}`
}

function storeStatement(taken: readonly TakenCalls[], points: Measured, processName: string): Sql {
  const rows = taken.flatMap(({ shape, calls }) => calls.bins().map((bin) => ({ shape: shape.id, ...bin })))
  const shapes = taken.map(({ shape }) => shape)
  return sql`
    with given as (
      select *
      from unnest(
        ${shapes.map(({ id }) => id)}::text[],
        ${shapes.map(({ kind }) => kind)}::text[],
        ${shapes.map(({ text }) => text.slice(0, mostCharacters))}::text[],
        ${shapes.map(({ queryid }) => queryid ?? null)}::bigint[]) as g (shape, kind, text, queryid)
    ), known as (
      select k.shape from pgstrata.watch_shape k where k.shape in (select g.shape from given g)
    ), fresh as (
      select g.shape
      from given g
      where g.shape not in (select k.shape from known k)
        and g.shape <> all (${rests.map(({ id }) => id)})
      limit (select greatest(0, ${mostStoredTexts} - count(*)) from pgstrata.watch_shape)
    ), placed as (
      select g.shape,
        case when exists (select from known k where k.shape = g.shape) or exists (select from fresh f where f.shape = g.shape)
          then g.shape when g.kind = 'work' then ${restOfWork.id} else ${restOfStatements.id} end as as_shape
      from given g
    ), shape as (
      insert into pgstrata.watch_shape as kept (shape, kind, text, queryid)
      select g.shape, g.kind, g.text, g.queryid
      from given g
      where g.shape in (select p.as_shape from placed p)
      union all
      select rest.shape, rest.kind, rest.text, null
      from unnest(
        ${rests.map(({ id }) => id)}::text[],
        ${rests.map(({ kind }) => kind)}::text[],
        ${rests.map(({ text }) => text)}::text[]) as rest (shape, kind, text)
      where rest.shape in (select p.as_shape from placed p)
        and rest.shape not in (select g.shape from given g)
      order by 1
      on conflict (shape) do update
      set seen_at = now(), queryid = coalesce(excluded.queryid, kept.queryid)
      where kept.seen_at < now() - interval '1 hour'
        or (excluded.queryid is not null and excluded.queryid is distinct from kept.queryid)
    ), call as (
      insert into pgstrata.watch_call (at, node, shape, bin, calls, errors, seconds)
      select now(), ${applicationNode}, p.as_shape, r.bin, sum(r.calls), sum(r.errors), sum(r.seconds)
      from unnest(
        ${rows.map(({ shape }) => shape)}::text[],
        ${rows.map(({ bin }) => bin)}::smallint[],
        ${rows.map(({ calls }) => calls)}::bigint[],
        ${rows.map(({ errors }) => errors)}::bigint[],
        ${rows.map(({ seconds }) => seconds)}::double precision[]) as r (shape, bin, calls, errors, seconds)
      join placed p on p.shape = r.shape
      group by p.as_shape, r.bin
    )
    insert into pgstrata.watch_metric (at, node, metric, labels, value)
    select now(), ${applicationNode}, metric, ${seriesOf([processName])}, value
    from unnest(
      ${points.map(({ metric }) => metric)}::text[],
      ${points.map(({ value }) => value)}::double precision[]) as measured (metric, value)`
}
