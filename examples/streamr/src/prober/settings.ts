// What of the prober can be set, with the defaults.

import type { RuleName } from './fraud/rule.ts'

export interface FraudSettings {
  /** How far the clock of a node may be from ours, either way. */
  readonly clockSkewMs: number
  /** No node sends more: a gigabit a second. */
  readonly maxBytesPerSecond: number
  /** A claim contradicts a count that is smaller by more than this factor and this many viewers or megabytes. */
  readonly claimFactor: number
  readonly claimSlack: number
  /** A poll and a spot check are compared when they are no further apart. */
  readonly comparedWithinMs: number
  /** More nodes than this at one address are found; an IPv6 network of 64 bits is one address. */
  readonly nodesPerAddress: number
  /** So often found within `suspendWithinMs`, by rules of `suspending`: the node is suspended. */
  readonly suspendAfter: number
  readonly suspendWithinMs: number
  readonly suspending: readonly RuleName[]
}

export interface ProberSettings {
  /** Each node is polled once in this time: usually ten times as often as `pollsPerHour` of payouts asks for. */
  readonly pollEveryMs: number
  readonly pollJitter: number
  /** Of all nodes, `spotShare` are checked in each `spotEveryMs`. */
  readonly spotEveryMs: number
  readonly spotShare: number
  readonly timeoutMs: number
  readonly maxBodyBytes: number
  readonly maxRedirects: number
  /** Requests under way at a time. */
  readonly concurrency: number
  /** How often it is looked whose turn has come. */
  readonly lookEveryMs: number
  /** How often nodes are read again. */
  readonly rosterEveryMs: number
  /** How long a prober may be silent before another takes over. Well above `timeoutMs`. */
  readonly leaseMs: number
  readonly staleAfterMs: number
  readonly offlineAfterMs: number
  /** Results: of one write, waiting at most, and how long one may wait. */
  readonly batchRows: number
  readonly queuedRows: number
  readonly writeWithinMs: number
  /** How long the last results may take when the prober is closed. */
  readonly closeWithinMs: number
  readonly fraud: FraudSettings
}

export type ProberChoice = Partial<Omit<ProberSettings, 'fraud'>> & { readonly fraud?: Partial<FraudSettings> }

const defaults: ProberSettings = {
  pollEveryMs: 60_000,
  pollJitter: 0.5,
  spotEveryMs: 60_000,
  spotShare: 0.05,
  timeoutMs: 2_000,
  maxBodyBytes: 16_384,
  maxRedirects: 2,
  concurrency: 256,
  lookEveryMs: 1_000,
  rosterEveryMs: 30_000,
  leaseMs: 15_000,
  staleAfterMs: 300_000,
  offlineAfterMs: 3_600_000,
  batchRows: 1_000,
  queuedRows: 50_000,
  writeWithinMs: 1_000,
  closeWithinMs: 10_000,
  fraud: {
    clockSkewMs: 30_000,
    maxBytesPerSecond: 125_000_000,
    claimFactor: 2,
    claimSlack: 10,
    comparedWithinMs: 300_000,
    nodesPerAddress: 20,
    suspendAfter: 5,
    suspendWithinMs: 86_400_000,
    suspending: ['contradiction', 'stale-heartbeat', 'replay', 'impossible'],
  },
}

const mayBeNothing: ReadonlySet<string> = new Set(['pollJitter', 'spotShare', 'maxRedirects', 'claimSlack'])

export function resolveSettings({ fraud, ...chosen }: ProberChoice = {}): ProberSettings {
  const settings = { ...defaults, ...chosen, fraud: { ...defaults.fraud, ...fraud } }
  const { pollJitter, leaseMs, timeoutMs } = settings
  for (const [name, value] of [...Object.entries(settings), ...Object.entries(settings.fraud)])
    if (typeof value !== 'object') checkNumber(name, value)
  if (pollJitter >= 1) throw new RangeError('pollJitter: expected less than 1, got more: a turn would leave its slot')
  if (leaseMs < 3 * timeoutMs)
    throw new RangeError(
      'leaseMs: expected at least three times timeoutMs, got less: a request would outlive the lease',
    )
  return settings
}

function checkNumber(name: string, value: number): void {
  const isFit = Number.isFinite(value) && (value > 0 || (value === 0 && mayBeNothing.has(name)))
  if (!isFit) throw new RangeError(`${name}: expected a number above 0, got ${value}`)
}
