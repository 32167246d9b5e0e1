// The app's database as deployed, without its service.

import { resolveConfig } from 'pgstrata'
import config from '../../../examples/sessions/pgstrata.config.ts'
import { folder, openSessions, type SessionsConfig } from '../../../examples/sessions/src/strata.ts'
import type { TestedMajor } from '../../support/postgres.ts'
import { createTemplates } from '../support/served.ts'

interface TestConfigOptions {
  readonly url: string
  readonly replicas?: readonly { readonly url: string; readonly maxLag?: string }[]
  readonly redis?: string
  readonly manageTokens?: readonly string[]
  /** Months of telemetry before this one. Default: 1. */
  readonly months?: number
  /** It watches, and its pool is what the app's is. */
  readonly isWatched?: boolean
}

/** The app's, for a database of a test: it does not watch, and its jobs run when they are told to. */
export function testConfig(options: TestConfigOptions): SessionsConfig {
  const { url, replicas = [], redis, manageTokens = [], months = 1, isWatched = false } = options
  const { watch, alerts, expect: _, ...rest } = config
  const { redis: __, ...cache } = { redis: '', ...config.cache }
  const { telemetry_events: telemetry, ...others } = config.tables
  return resolveConfig(
    {
      ...rest,
      ...(isWatched ? { watch, alerts } : {}),
      database: {
        ...config.database,
        primary: url,
        replicas,
        consistency: 'eventual',
        pool: isWatched ? config.database.pool : testPool,
      },
      tables: { ...others, telemetry_events: { ...telemetry, from: monthBefore(months), ahead: 1 } },
      cache: redis === undefined ? cache : { ...cache, redis },
      server: manageTokens.length === 0 ? {} : { tokens: { manage: [...manageTokens] } },
    },
    { root: folder, name: 'pgstrata.config.ts' },
  )
}

/** Connections are opened as they are needed, and a slow machine is no failure. */
const testPool = { max: 20, connectTimeout: '30s', queryTimeout: '30s', statementTimeout: '30s' } as const

export function monthBefore(months: number): string {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months)).toISOString().slice(0, 10)
}

/** The same with nothing declared of its tables: what SESSIONS_UNDECLARE=yes makes of the configuration. */
export function undeclared(resolved: SessionsConfig): SessionsConfig {
  const { live } = resolved
  return {
    ...resolved,
    tables: [],
    cleanups: [],
    rollups: [],
    live: live === undefined ? undefined : { ...live, rollups: [], tops: [] },
  }
}

/** Migrations and everything that is declared. */
export async function deploySessions(resolved: SessionsConfig): Promise<void> {
  const strata = openSessions(resolved)
  try {
    await strata.migrate.up({ lint: false })
    await strata.apply()
  } finally {
    await strata.close()
  }
}

/** The name of a database to copy. */
export const template: (version: TestedMajor) => Promise<string> = createTemplates(
  async ({ url }) => await deploySessions(testConfig({ url })),
)
