// How old the newest backup is, and the newest that was proven by a restore. Who makes them says so; what is handed in is asked.

import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

export interface BackupHealth {
  /** Without any: since when that is so. */
  readonly ageMs: number
  /** Of the moment that was restored to. */
  readonly verifiedAgeMs: number
}

export function createBackupProbe(health: () => Promise<BackupHealth>): ServerProbe {
  return {
    name: 'backup',
    question: 'How old are the newest backup and the newest verified restore?',
    everyMs: 5 * 60_000,
    limitMs: 2_000,
    of: 'elsewhere',
    metrics: [
      gauge('pgstrata_backup_age_seconds', 'Age of the newest backup, where `backup` is declared.'),
      gauge('pgstrata_backup_verified_age_seconds', 'Time since the moment that the newest verified restore was to.'),
    ],
    unavailable: available,
    read: async () => {
      const found = await health()
      return {
        points: [
          { metric: 'pgstrata_backup_age_seconds', labels: [], value: found.ageMs / 1_000 },
          { metric: 'pgstrata_backup_verified_age_seconds', labels: [], value: found.verifiedAgeMs / 1_000 },
        ],
      }
    },
  }
}
