// How the platform is used: sessions and telemetry by the hour, out of rollups, and single events where somebody looks for one.

import { badInput, query, type App } from 'pgstrata-example-kit'
import { createQuery } from '../db/query.ts'
import { blocksByDay } from '../db/statements/blocks.ts'
import { loginsSince, overdueNonces } from '../db/statements/nonces.ts'
import { sessionsStarted } from '../db/statements/sessions.ts'
import type { Statement } from '../db/statements/statement.ts'
import { eventsContaining, eventsOfKind, eventsTagged, newestEvents } from '../db/statements/telemetry.ts'
import { kinds, type TelemetryKind } from '../telemetry/kinds.ts'
import type { ApiContext } from './context.ts'
import { limitOf, textOf } from './shapes.ts'

const hours = { type: 'integer', minimum: 1, maximum: 720, default: 24 }
const hourMs = 3_600_000

export function addActivity(app: App, context: ApiContext): void {
  const { strata, auth } = context
  const ask = createQuery(strata)
  app.get<{ Querystring: { readonly hours: number } }>(
    '/moderation/activity',
    { schema: { querystring: query({ hours }) } },
    async (request) => {
      await auth.requireModerator(request)
      const now = new Date()
      const since = new Date(now.getTime() - request.query.hours * hourMs)
      const [sessions, events, started, blocks, logins, overdue] = await Promise.all([
        strata.rollups.sessions_hourly.since(since).by('hour').orderBy('hour').rows(),
        strata.rollups.telemetry_hourly.since(since).by('kind').orderBy('events', 'desc').rows<{ kind: string }>(),
        ask<{ hour: Date; sessions: string }>(sessionsStarted.text, [since, now]),
        ask<{ day: Date; blocks: string }>(blocksByDay.text, [since]),
        ask<{ logins: string }>(loginsSince.text, [since]),
        ask<{ nonces: string }>(overdueNonces.text),
      ])
      return {
        sessions: sessions.map(({ seconds, ...row }) => ({
          hour: row.hour,
          sessions: Number(row.sessions),
          ended: Number(row.ended),
          seconds: seconds === null ? null : Number(seconds),
        })),
        started: started.rows.map((row) => ({ hour: row.hour, sessions: Number(row.sessions) })),
        events: events.map(({ kind, events: count }) => ({ kind, events: Number(count) })),
        blocks: blocks.rows.map(({ day, blocks: count }) => ({ day, blocks: Number(count) })),
        logins: Number(logins.rows[0]?.logins ?? 0),
        overdue_nonces: Number(overdue.rows[0]?.nonces ?? 0),
      }
    },
  )
  addEvents(app, context)
}

interface EventQuery {
  readonly hours: number
  readonly limit: number
  readonly kind?: TelemetryKind
  /** JSON that the payload contains. */
  readonly containing?: string
  /** With commas between them: all of them. */
  readonly tags?: string
}

function addEvents(app: App, { strata, auth }: ApiContext): void {
  const ask = createQuery(strata)
  const choice = query({
    hours,
    limit: limitOf(50),
    kind: { enum: kinds },
    containing: textOf({ most: 500 }),
    tags: textOf({ most: 200 }),
  })
  app.get<{ Querystring: EventQuery }>('/moderation/events', { schema: { querystring: choice } }, async (request) => {
    await auth.requireModerator(request)
    const { hours: back, limit, ...wanted } = request.query
    const [{ text }, ...values] = statementOf(wanted)
    const { rows } = await ask(text, [...values, new Date(Date.now() - back * hourMs), limit])
    return { events: rows }
  })
}

/** One of them at a time, each by its own index. */
function statementOf({
  kind,
  containing,
  tags,
}: Pick<EventQuery, 'kind' | 'containing' | 'tags'>): readonly [Statement, ...unknown[]] {
  if ([kind, containing, tags].filter((one) => one !== undefined).length > 1)
    throw badInput({ where: 'query', expected: 'one of kind, containing and tags, or none' })
  if (kind !== undefined) return [eventsOfKind, kind]
  if (containing !== undefined) return [eventsContaining, jsonObject(containing)]
  if (tags !== undefined) return [eventsTagged, tags.split(',').map((tag) => tag.trim())]
  return [newestEvents]
}

function jsonObject(text: string): string {
  try {
    const value: unknown = JSON.parse(text)
    // Both are what PostgreSQL keeps in no jsonb.
    if (typeof value === 'object' && value !== null && !/\\u(0000|d[89a-f])/i.test(text)) return JSON.stringify(value)
  } catch {
    // Told below.
  }
  throw badInput({ where: 'query.containing', expected: 'an object of JSON, such as {"code":"ICE_FAILED"}' })
}
