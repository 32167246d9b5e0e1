// What the page of `top` shows, out of what was measured last. Pure.

import type { NodeReport } from '../db/node-facts.ts'
import type { Look, Series } from '../watch/index.ts'
import type { TopModel } from './top-view.ts'

export interface TopFacts {
  readonly at: Date
  readonly target: string
  readonly version: string
  readonly nodes: readonly NodeReport[]
  readonly alerts: TopModel['alerts']
}

const mostStatements = 50

export function topModel(look: Pick<Look, 'latest' | 'statements'>, facts: TopFacts): TopModel {
  const series = look.latest.series().filter(({ node }) => node === primary)
  const all = (metric: string): readonly Series[] => series.filter((one) => one.metric.name === metric)
  const value = (metric: string, label?: string): number | undefined => labelled(all(metric), label)?.value
  const rate = (metric: string, label?: string): number | undefined => labelled(all(metric), label)?.perSecond
  const most = value('pgstrata_connections_max')
  const oldest = value('pgstrata_oldest_transaction_seconds')
  return {
    at: facts.at,
    target: facts.target,
    version: facts.version,
    load: loadOf(all('pgstrata_active_sessions')),
    cores: undefined,
    connections:
      most === undefined
        ? undefined
        : {
            active: value('pgstrata_connections', 'active') ?? 0,
            idle: (value('pgstrata_connections', 'idle') ?? 0) + (value('pgstrata_connections', 'other') ?? 0),
            inTransaction: value('pgstrata_connections', 'idle_in_transaction') ?? 0,
            most,
          },
    rates: {
      commits: rate('pgstrata_transactions_total', 'commit') ?? 0,
      rollbacks: rate('pgstrata_transactions_total', 'rollback') ?? 0,
      hitRatio: value('pgstrata_buffer_hit_ratio'),
      walBytes: rate('pgstrata_wal_bytes_total'),
    },
    statements: statementsOf(look),
    nodes: facts.nodes.map(({ node, role, lagMs, error }) => ({
      name: node,
      role: error === undefined ? (role ?? 'unknown') : 'does not answer',
      lagMs: lagMs ?? undefined,
    })),
    blocked: value('pgstrata_blocked_sessions') ?? 0,
    longestTransactionMs: oldest === undefined ? undefined : oldest * 1_000,
    alerts: facts.alerts,
    notAsked: look.latest
      .states()
      .filter(({ node }) => node === primary)
      .flatMap(({ probe, unavailable, failure }) => {
        const why = unavailable ?? failure
        return why === undefined ? [] : [`${probe}: ${why}`]
      }),
  }
}

const primary = 'primary'

function labelled(series: readonly Series[], label: string | undefined): Series | undefined {
  return label === undefined ? series[0] : series.find(({ labels }) => labels[0] === label)
}

function loadOf(series: readonly Series[]): TopModel['load'] {
  if (series.length === 0) return undefined
  return series.map(({ labels: [wait = 'CPU'], value }) => ({ wait, sessions: value }))
}

function statementsOf(look: Pick<Look, 'statements'>): TopModel['statements'] {
  const rows = look.statements(primary)
  const total = rows.reduce((sum, { execMs }) => sum + execMs, 0)
  return rows
    .toSorted((a, b) => b.execMs - a.execMs)
    .slice(0, mostStatements)
    .map(({ queryid, text, calls, execMs, seconds }) => ({
      text: queryid === '0' ? '(all others)' : (text ?? `queryid ${queryid}`),
      callsPerSecond: seconds > 0 ? calls / seconds : 0,
      meanMs: calls > 0 ? execMs / calls : 0,
      share: total > 0 ? execMs / total : 0,
    }))
}
