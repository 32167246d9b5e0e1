// A wallet reports the other one of a session that it took part in.

import { badInput, body, conflict, notFound, type App, type HttpError } from 'pgstrata-example-kit'
import { createQuery } from '../db/query.ts'
import { addReport, type Filed } from '../reports/filing.ts'
import { reasons, type Reason } from '../reports/report.ts'
import type { ApiContext } from './context.ts'
import { id, textOf } from './shapes.ts'

interface ReportBody {
  readonly session_id: string
  readonly reason: Reason
  readonly detail?: string
}

const reportBody = body(
  { session_id: id, reason: { enum: reasons }, detail: textOf({ most: 2_000 }) },
  { required: ['session_id', 'reason'] },
)

type Refusal = Extract<Filed, { readonly refused: unknown }>['refused']

const refusals: Readonly<Record<Refusal, () => HttpError>> = {
  'no-session': () => notFound('session'),
  'not-begun': () => badInput({ where: 'body.session_id', expected: 'a session that has begun' }),
  'reported-already': () => conflict('You have reported this session already'),
}

export function addReports(app: App, { strata, auth, limits }: ApiContext): void {
  const ask = createQuery(strata)
  app.post<{ Body: ReportBody }>('/reports', { schema: { body: reportBody } }, async (request, reply) => {
    const { address } = await auth.requireWallet(request)
    await limits.takeReport(address)
    const { session_id, reason, detail = null } = request.body
    const filed = await addReport(ask, { sessionId: session_id, reporter: address, reason, detail })
    if ('refused' in filed) throw refusals[filed.refused]()
    return await reply.code(201).send({ report: filed.report })
  })
}
