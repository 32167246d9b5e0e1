// What the routes need of everything else, as narrow as they need it: tests hand in their own, wiring.ts those of a Strata.
// What is undefined is not configured; its routes answer 501 and say what to declare.

import type { Backup } from '../backup/index.ts'
import type { Cache } from '../cache/index.ts'
import type { Audit } from '../catalog/audit.ts'
import type { NodeReport } from '../db/node-facts.ts'
import type { StrataPool } from '../db/pool/strata-pool.ts'
import type { LiveShape } from '../http/live.ts'
import type { Jobs } from '../maintain/index.ts'
import type { Partitions } from '../partitions/index.ts'
import type { Rollups } from '../rollups/index.ts'
import type { ArchiveRecord, Tiers } from '../tiers/index.ts'
import type { Views } from '../views/index.ts'
import type { Alerts, Latest, Watching, WatchStore } from '../watch/index.ts'
import type { CallSummary, SlowCall } from './contract/calls.ts'
import type { ExplainAnswer, ExplainRequest, FindingsAnswer } from './contract/upkeep.ts'
import type { HealthSources } from './health-keeper.ts'

export interface Sources {
  readonly version: string
  readonly health: HealthSources
  nodes(): Promise<readonly NodeReport[]>
  readonly pool: Pick<StrataPool, 'stats'>
  readonly cache: Pick<Cache, 'stats' | 'clear'>
  readonly jobs: Pick<Jobs, 'list' | 'history' | 'runNow'>
  readonly partitions: Pick<Partitions, 'status'>
  readonly rollups: Pick<Rollups, 'status'>
  readonly views: Pick<Views, 'status'>
  readonly tiers: Pick<Tiers, 'status' | 'request'>
  archives(): Promise<readonly ArchiveRecord[]>
  readonly backup: Pick<Backup, 'status'> | undefined
  readonly audit: Audit
  readonly calls: CallsSource
  /** What the server says of itself when it is asked, where nothing is watched, or not yet. */
  askDatabase(): Promise<Readonly<Record<string, number>>>
  readonly live: LiveShape<unknown> | undefined
  readonly watch: WatchSource | undefined
  readonly alerts: AlertsSource | undefined
  findings(): Promise<FindingsAnswer>
  explain(request: ExplainRequest): Promise<ExplainAnswer>
}

/** What this process saw of its own calls. */
export interface CallsSource {
  summary(windowMs: number): CallSummary
  slowest(limit: number): readonly SlowCall[]
  /** For Prometheus, as text. */
  exposition(): string
}

export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** What is measured now, and what was. */
export interface WatchSource extends Pick<Watching, 'metrics' | 'role' | 'now'> {
  /** Of what this process measures itself. */
  readonly latest: Pick<Latest, 'measured' | 'states'>
  readonly store: Pick<WatchStore, 'series' | 'stepMs' | 'statements' | 'load' | 'calls' | 'shapes'>
}

/** Alerts that stand and that were, and silences. */
type AlertsSource = Pick<Alerts, 'rules' | 'open' | 'history' | 'silences' | 'silence' | 'unsilence'>
