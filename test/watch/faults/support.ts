// What tests with injected faults share: a watched configuration at short intervals, and what became of each alert by the table.

import pg from 'pg'
import { resolveConfig } from '../../../src/config/index.ts'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { openStrata, type Strata, type StrataTools } from '../../../src/strata.ts'
import { listProbes, type AlertMessage } from '../../../src/watch/index.ts'
import { waitUntil } from '../../support/wait.ts'

/** As it comes, and not in seconds. */
export const isUsual: boolean = process.env['PGSTRATA_SOAK'] === '1'

const everyMs = 1_000
/** Of what is measured, and looked at. */
export const intervals: Readonly<Record<string, string>> = {
  ...Object.fromEntries(listProbes().map(({ name }) => [name, '1s'])),
  // A counter that moves once is seen until the next reading: rules look at it more than once before.
  database: '3s',
  wal: '3s',
}
export const slowerMs = 2_000
/** A rule as it comes, but quick: what a look or two confirms. */
export const quick = { for: '1s', keep: '1s' } as const
/** A probe, a look, what it has to last, and what a loaded machine takes. */
export const marginMs = 10_000
export const boundMs: number = everyMs + everyMs + 1_000 + marginMs

export function open(url: string, config: Readonly<Record<string, unknown>>, tools: StrataTools = {}): Strata {
  const { database, ...more } = config as { readonly database?: object }
  const resolved = resolveConfig({ database: { primary: url, ...database }, ...more }, { root: '/', name: 'faults' })
  return openStrata(resolved, tools)
}

export interface StoredAlert {
  readonly id: string
  readonly rule: string
  readonly node: string
  readonly labels: readonly string[]
  readonly state: string
  readonly firedMs: number | null
  readonly resolvedMs: number | null
  readonly summary: string
  readonly evidence: Readonly<Record<string, unknown>>
  /** 'fired log done', the reports of those by name. */
  readonly actions: readonly string[]
  readonly reports: Readonly<Record<string, unknown>>
}

export async function readAlerts(on: Db): Promise<readonly StoredAlert[]> {
  const { rows } = await on.query<Omit<StoredAlert, 'labels'> & { readonly series: string }>(sql`
    select a.id::text as id, a.rule, a.node, a.series, a.state, a.summary, a.evidence,
      extract(epoch from a.fired_at)::float8 * 1000 as "firedMs",
      extract(epoch from a.resolved_at)::float8 * 1000 as "resolvedMs",
      coalesce((
        select jsonb_agg(concat_ws(' ', x.event, x.action, x.state) order by x.event, x.action)
        from pgstrata.alert_action x
        where x.alert_id = a.id
      ), '[]') as actions,
      coalesce((
        select jsonb_object_agg(x.action, x.report)
        from pgstrata.alert_action x
        where x.alert_id = a.id
          and x.report is not null
      ), '{}') as reports
    from pgstrata.alert a
    where a.state <> 'pending'
    order by a.id`)
  return rows.map(({ series, ...row }) => ({ ...row, labels: JSON.parse(series) as string[] }))
}

/** Every probe that can be asked has been, and rules have looked at that more than once. */
export async function waitForReadings(strata: Strata, rounds = 3): Promise<void> {
  const { watch } = strata
  const seen = new Map<string, Set<number>>()
  await waitUntil(
    () => {
      for (const { node, probe, atMs, unavailable } of watch?.states() ?? []) {
        const key = `${node} ${probe}`
        const times = seen.get(key) ?? new Set()
        if (atMs !== undefined) times.add(atMs)
        seen.set(key, unavailable === undefined ? times : new Set(Array.from({ length: rounds }, (_, index) => index)))
      }
      const nodes = new Set(watch?.states().map(({ node }) => node))
      return nodes.has('app') && nodes.has('primary') && [...seen.values()].every((times) => times.size >= rounds)
    },
    { what: `${rounds} answers of each probe`, timeoutMs: 30_000 },
  )
}

export interface Listening {
  readonly told: string[]
  readonly onAlert: (message: AlertMessage) => void
}

/** Whom alerts were told to, in the order of the messages. */
export function listen(): Listening {
  const told: string[] = []
  const onAlert = ({ event, alerts }: AlertMessage): void =>
    void told.push(
      ...alerts.map(({ rule, node, labels }) => [event, rule, node, ...Object.values(labels).toSorted()].join(' ')),
    )
  return { told, onAlert }
}

/** A session of its own, which does nothing more until it is ended. */
export async function connect(url: string, ...statements: readonly string[]): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  // Of a server that is stopped.
  client.on('error', () => undefined)
  await client.connect()
  for (const statement of statements) await client.query(statement)
  return client
}
