// Settings of backups that are kept in a folder of the test's own.

import { join } from 'node:path'
import type { BackupSettings } from '../../src/backup/index.ts'

export function settingsIn(folder: string, stanza: string, change: Partial<BackupSettings> = {}): BackupSettings {
  return {
    provider: 'pgbackrest',
    stanza,
    command: 'pgbackrest',
    configFile: join(folder, 'pgbackrest.conf'),
    user: undefined,
    repository: { kind: 'folder', path: join(folder, 'repository') },
    pass: undefined,
    schedule: { full: { cron: '0 3 * * 0', zone: 'UTC' }, differential: undefined, incremental: undefined },
    keep: { full: 2, differential: undefined },
    processes: 1,
    verify: {
      everyMs: 86_400_000,
      dir: join(folder, 'verify'),
      binaries: undefined,
      alertAfterMs: 14 * 86_400_000,
      checks: [],
      amcheck: false,
    },
    ...change,
  }
}
