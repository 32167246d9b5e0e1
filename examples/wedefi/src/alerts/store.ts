// Alerts as people define them, and the events that came of them.
//
// What holds: a new alert, one that was paused and is armed, and one whose threshold changes look at the newest price there is, and at every later
// one; so what is beyond the threshold already fires with the next evaluation, once. Any other change leaves an episode as it is, so one that comes
// again tells nobody again. A change locks its alert and takes turns with evaluations, which lock what they look at.

import { and, desc, eq, lt, sql, type SQL } from 'drizzle-orm'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import { badInput, notFound } from 'pgstrata-example-kit'
import { foreignKeyViolation, stateOf, withServerErrors } from '../drizzle-errors.ts'
import { unpackedDays } from '../growth/policy.ts'
import { alertEvents, alerts } from '../schema.ts'
import type * as schema from '../schema.ts'
import { checkHysteresis, compareDecimals, type Definition } from './definition.ts'

type Database = NodePgDatabase<typeof schema>
export type AlertRow = typeof alerts.$inferSelect
export type EventRow = typeof alertEvents.$inferSelect

/** Just before the newest price of the token, so that this one is looked at as well. */
function beforeNewestPrice(tokenId: string | null | undefined): SQL {
  if (typeof tokenId !== 'string') return sql`now()`
  return sql`
    coalesce(
      (
        select max("recordedAt")
        from "PriceSnapshot"
        where "tokenId" = ${tokenId}
          and "recordedAt" > now() - interval '${sql.raw(String(unpackedDays))} days'
          and "recordedAt" <= now()
      ),
      now()
    ) - interval '1 microsecond'`
}

/** `definition`: checked. */
export async function createAlert(db: Database, definition: Definition): Promise<AlertRow> {
  const { tokenId = null, walletId = null, kind, metric, direction, threshold, rearm } = definition
  const values = { kind, metric, direction, threshold, rearm, tokenId, walletId, seenAt: beforeNewestPrice(tokenId) }
  try {
    const [row] = await withServerErrors(async () => await db.insert(alerts).values(values).returning())
    if (row === undefined) throw new RangeError('The statement gave no row')
    return row
  } catch (error) {
    if (stateOf(error) !== foreignKeyViolation) throw error
    throw badInput({ where: 'body', expected: 'the id of a token or wallet that there is' })
  }
}

export interface AlertChange {
  readonly threshold?: string
  readonly rearm?: string
  readonly status?: 'armed' | 'paused'
}

export async function changeAlert(db: Database, id: string, change: AlertChange): Promise<AlertRow> {
  const work = async (tx: Pick<Database, 'select' | 'update'>): Promise<AlertRow> => {
    const [found] = await tx
      .select()
      .from(alerts)
      .where(eq(alerts.id, BigInt(id)))
      .for('no key update')
    if (found === undefined) throw notFound('alert')
    const { threshold = found.threshold, rearm = found.rearm } = change
    checkHysteresis({ direction: found.direction, threshold, rearm })
    const [row] = await tx
      .update(alerts)
      .set({ threshold, rearm, ...beginning(found, change) })
      .where(eq(alerts.id, found.id))
      .returning()
    if (row === undefined) throw new RangeError('The statement gave no row')
    return row
  }
  return await withServerErrors(async () => await db.transaction(work))
}

/** What becomes of its episode. */
function beginning(
  { status, threshold, tokenId }: AlertRow,
  change: AlertChange,
): { readonly status: AlertRow['status']; readonly seenAt?: SQL } {
  const isOther = change.threshold !== undefined && compareDecimals(change.threshold, threshold) !== 0
  const isResumed = status === 'paused' && change.status === 'armed'
  const isPaused = change.status === 'paused' || (status === 'paused' && !isResumed)
  if (isPaused) return { status: 'paused' }
  return isOther || isResumed ? { status: 'armed', seenAt: beforeNewestPrice(tokenId) } : { status }
}

/** With its events: what was to be told of it is not told any more. */
export async function removeAlert(db: Database, id: string): Promise<void> {
  const removed = await withServerErrors(
    async () =>
      await db
        .delete(alerts)
        .where(eq(alerts.id, BigInt(id)))
        .returning({ id: alerts.id }),
  )
  if (removed.length === 0) throw notFound('alert')
}

export async function findAlert(db: Database, id: string): Promise<AlertRow | undefined> {
  const asked = db
    .select()
    .from(alerts)
    .where(eq(alerts.id, BigInt(id)))
  const [row] = await withServerErrors(async () => await asked)
  return row
}

export interface AlertPage {
  readonly kind?: AlertRow['kind'] | undefined
  readonly status?: AlertRow['status'] | undefined
  readonly tokenId?: string | undefined
  readonly walletId?: string | undefined
  /** Ids below, the newest first. */
  readonly before?: string | undefined
  readonly limit: number
}

export async function listAlerts(db: Database, page: AlertPage): Promise<readonly AlertRow[]> {
  const { kind, status, tokenId, walletId, before, limit } = page
  const asked = db
    .select()
    .from(alerts)
    .where(
      and(
        kind === undefined ? undefined : eq(alerts.kind, kind),
        status === undefined ? undefined : eq(alerts.status, status),
        tokenId === undefined ? undefined : eq(alerts.tokenId, tokenId),
        walletId === undefined ? undefined : eq(alerts.walletId, walletId),
        before === undefined ? undefined : lt(alerts.id, BigInt(before)),
      ),
    )
    .orderBy(desc(alerts.id))
    .limit(limit)
  return await withServerErrors(async () => await asked)
}

export interface EventPage {
  readonly alertId?: string | undefined
  readonly before?: string | undefined
  readonly limit: number
}

export async function listEvents(db: Database, { alertId, before, limit }: EventPage): Promise<readonly EventRow[]> {
  const asked = db
    .select()
    .from(alertEvents)
    .where(
      and(
        alertId === undefined ? undefined : eq(alertEvents.alertId, BigInt(alertId)),
        before === undefined ? undefined : lt(alertEvents.id, BigInt(before)),
      ),
    )
    .orderBy(desc(alertEvents.id))
    .limit(limit)
  return await withServerErrors(async () => await asked)
}
