// What has been reported, by day, by reason and by wallet, out of rollups: exact to the last commit when it is made, kept for five minutes, and
// gone as soon as a report comes or changes.

import { layers } from '../db/query.ts'
import type { SessionsStrata } from '../strata.ts'

interface DayOfReports {
  readonly day: Date
  readonly reason: string
  readonly reports: number
  readonly upheld: number
  readonly dismissed: number
}

interface ReportedWallet {
  readonly address: string
  readonly reports: number
  readonly upheld: number
}

export interface ReportStatistics {
  readonly days: readonly DayOfReports[]
  /** Those of the last seven days with most. */
  readonly wallets: readonly ReportedWallet[]
}

const mostWallets = 20

export async function readStatistics(strata: SessionsStrata, days: number): Promise<ReportStatistics> {
  const { key, namespace, tags } = layers.reports(`statistics:${days}`).cache
  return await strata.scope(strata.pool.sessionToken, () =>
    strata.cached(key, async () => await load(strata, days), { namespace, tags }),
  )
}

async function load({ rollups }: SessionsStrata, days: number): Promise<ReportStatistics> {
  const [byDay, byWallet] = await Promise.all([
    rollups.reports_daily
      .since(`${days} days`)
      .by('bucket', 'reason')
      .orderBy('bucket')
      .orderBy('reason')
      .rows<{ reason: string }>(),
    rollups.reported_wallets
      .since('7 days')
      .by('reported')
      .orderBy('reports', 'desc')
      .limit(mostWallets)
      .rows<{ reported: string }>(),
  ])
  return {
    days: byDay.map(({ bucket, reason, reports, upheld, dismissed }) => ({
      day: bucket,
      reason,
      reports: Number(reports),
      upheld: Number(upheld),
      dismissed: Number(dismissed),
    })),
    wallets: byWallet.map(({ reported, reports, upheld }) => ({
      address: reported,
      reports: Number(reports),
      upheld: Number(upheld),
    })),
  }
}
