// Alerts: what people want to hear of, what became of each, and what was told. Operators define them; everybody reads.

import type { FastifyRequest } from 'fastify'
import { badInput, body, defineCursor, notFound, params, query, short, word, type App } from 'pgstrata-example-kit'
import { nameAlerts, nameEvents, type NamedEvent } from '../alerts/naming.ts'
import { checkDefinition, decimalForm, type Definition } from '../alerts/definition.ts'
import { kinds } from '../alerts/kinds.ts'
import {
  changeAlert,
  createAlert,
  findAlert,
  listAlerts,
  listEvents,
  removeAlert,
  type AlertChange,
  type AlertPage,
  type AlertRow,
} from '../alerts/store.ts'
import type { WedefiDatabase } from '../database.ts'
import { requireOperator, type ApiContext } from './context.ts'
import { refuseNumbers } from './schemas.ts'

const serial = { type: 'string', pattern: '^\\d{1,18}$' } as const
const decimal = { type: 'string', pattern: decimalForm } as const
const ofAlert = params({ id: serial })
const limit = { type: 'integer', minimum: 1, maximum: 100, default: 25 } as const
const statuses = ['armed', 'fired', 'paused'] as const
const byId = defineCursor({ id: 'integer' })

interface Paged {
  readonly cursor?: string
  readonly limit: number
}

interface OfAlert {
  readonly Params: { readonly id: string }
}

export function addAlerts(app: App, context: ApiContext): void {
  addLists(app, context)
  addChanges(app, context)
}

function addLists(app: App, { db }: ApiContext): void {
  app.get<{ Querystring: Paged & Omit<AlertPage, 'before' | 'limit'> }>(
    '/alerts',
    {
      schema: {
        querystring: query({
          kind: { enum: kinds },
          status: { enum: statuses },
          tokenId: word,
          walletId: word,
          cursor: short,
          limit,
        }),
      },
    },
    async ({ query: { cursor, ...asked } }) => {
      const before = byId.parse(cursor)?.id
      const rows = await listAlerts(db, { ...asked, before, limit: asked.limit + 1 })
      return pageOf('alerts', await nameAlerts(db, rows), { limit: asked.limit, shown: shownAlert })
    },
  )
  app.get<{ Querystring: Paged & { readonly alertId?: string } }>(
    '/alerts/events',
    { schema: { querystring: query({ alertId: serial, cursor: short, limit }) } },
    async ({ query: { cursor, alertId, limit: most } }) => {
      const before = byId.parse(cursor)?.id
      const rows = await listEvents(db, { alertId, before, limit: most + 1 })
      return pageOf('events', await nameEvents(db, rows), { limit: most, shown: shownEvent })
    },
  )
  app.get<OfAlert>('/alerts/:id', { schema: { params: ofAlert } }, async ({ params: { id } }) => {
    const row = await findAlert(db, id)
    if (row === undefined) throw notFound('alert')
    return await shownByName(db, row)
  })
}

function addChanges(app: App, context: ApiContext): void {
  const { db, strata } = context
  const change = async <T>(work: () => Promise<T>): Promise<T> => await strata.pool.routed('alert_processing', work)
  const onlyOperators = async (request: FastifyRequest): Promise<void> => {
    requireOperator(context, request)
    await Promise.resolve()
  }
  app.post<{ Body: Definition }>(
    '/alerts',
    {
      onRequest: onlyOperators,
      preValidation: onlyText,
      schema: {
        body: body(
          {
            kind: { enum: kinds },
            metric: word,
            direction: { enum: ['above', 'below'] },
            threshold: decimal,
            rearm: decimal,
            tokenId: word,
            walletId: word,
          },
          { required: ['kind', 'metric', 'direction', 'threshold', 'rearm'] },
        ),
      },
    },
    async (request, reply) => {
      const definition = checkDefinition(request.body)
      const row = await change(() => createAlert(db, definition))
      return reply.code(201).send(await shownByName(db, row))
    },
  )
  app.patch<OfAlert & { Body: AlertChange }>(
    '/alerts/:id',
    {
      onRequest: onlyOperators,
      preValidation: onlyText,
      schema: {
        params: ofAlert,
        body: body({ threshold: decimal, rearm: decimal, status: { enum: ['armed', 'paused'] } }, { required: [] }),
      },
    },
    async (request) => {
      if (Object.keys(request.body).length === 0) {
        throw badInput({ where: 'body', expected: 'one of threshold, rearm and status at least' })
      }
      const row = await change(() => changeAlert(db, request.params.id, request.body))
      return await shownByName(db, row)
    },
  )
  app.delete<OfAlert>(
    '/alerts/:id',
    { onRequest: onlyOperators, schema: { params: ofAlert } },
    async (request, reply) => {
      await change(() => removeAlert(db, request.params.id))
      return reply.code(204).send()
    },
  )
}

async function onlyText({ body: given }: FastifyRequest): Promise<void> {
  await Promise.resolve(refuseNumbers(given))
}

interface PageShape<Row> {
  readonly limit: number
  readonly shown: (row: Row) => object
}

/** `rows`: one more than the page, if there is another page. */
function pageOf<Row extends { readonly id: bigint }>(
  name: string,
  rows: readonly Row[],
  { limit: most, shown }: PageShape<Row>,
): Readonly<Record<string, unknown>> {
  const page = rows.slice(0, most)
  const last = page.at(-1)
  const next = rows.length > most && last !== undefined ? byId.format({ id: last.id }) : null
  return { [name]: page.map(shown), next }
}

async function shownByName(db: WedefiDatabase, row: AlertRow): Promise<object> {
  const [named] = await nameAlerts(db, [row])
  return shownAlert(named ?? row)
}

function shownAlert(row: AlertRow): object {
  const { id, seenAt: _, ...rest } = row
  return { id: String(id), ...rest }
}

function shownEvent(row: NamedEvent): object {
  const { id, alertId, alert, nextAttemptAt: _, ...rest } = row
  return { id: String(id), alertId: String(alertId), alert: shownAlert(alert), ...rest }
}
