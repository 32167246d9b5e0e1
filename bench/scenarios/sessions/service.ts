// The app's service in a process of its own. `after` is what the app opens, with everything it runs in the background and one Redis. `before` is
// the same routes on the same statements, as they were: each is asked of the database, and nothing runs beside.

import { createRequire } from 'node:module'
import { createApi } from '../../../examples/sessions/src/api/app.ts'
import { usualLimits, type LimitChoice } from '../../../examples/sessions/src/limits.ts'
import { openService } from '../../../examples/sessions/src/service.ts'
import { openSessions, resolveSessions, type SessionsStrata } from '../../../examples/sessions/src/strata.ts'
import { serveParent, type Service } from '../../support/child.ts'
import { servedBy } from '../../support/http-service.ts'
import { plainConfig, type Side } from './databases.ts'
import { createGauge, type GaugeQuestion } from './gauge.ts'

export interface SessionsInput {
  readonly side: Side
  readonly url: string
  readonly redis: string
  readonly secret: string
}

// By require, before anybody imports it, as in bench/support/redis-server.ts.
createRequire(import.meta.url)('redis')

/** All requests come from one address, and wallets ask more often than people do. */
const limits = Object.fromEntries(
  Object.entries(usualLimits).map(([name, usual]) => [name, { ...usual, limit: 1_000_000_000 }]),
) as unknown as LimitChoice

await serveParent<SessionsInput>(async (input) =>
  input.side === 'after' ? await openAfter(input) : await openBefore(input),
)

async function openAfter({ url, redis, secret }: SessionsInput): Promise<Service> {
  const service = await openService({ config: resolveSessions({ url, redis }), port: 0, secret, limits })
  return withGauge(await servedBy(service), service.strata)
}

async function openBefore({ url, secret }: SessionsInput): Promise<Service> {
  const strata = openSessions(plainConfig(url))
  const app = await createApi({ strata: uncached(strata), moderators: new Set(), secret, limits })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  return withGauge(
    {
      ready: { port: typeof address === 'object' ? address?.port : undefined },
      close: async () => {
        await app.close()
        await strata.close()
      },
    },
    strata,
  )
}

/** Each question goes to the database. */
function uncached(strata: SessionsStrata): SessionsStrata {
  const query: SessionsStrata['query'] = async (...asked: unknown[]) => {
    const [text, values, options] = asked as [string, readonly unknown[], { readonly cache?: object } | undefined]
    const { cache: _, ...rest } = options ?? {}
    return (await strata.query(text, values, rest)) as never
  }
  const cached: SessionsStrata['cached'] = async (_, load) => await load()
  return { ...strata, query, cached }
}

function withGauge(service: Service, strata: SessionsStrata): Service {
  const gauge = createGauge(strata)
  return {
    ...service,
    answer: (question) => (question === 'cpu' ? service.answer?.(question) : gauge.answer(question as GaugeQuestion)),
    close: async () => {
      gauge.close()
      await service.close()
    },
  }
}
