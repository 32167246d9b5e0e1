// pg_amcheck over a restored database, where the server's programs have it: every page of every table, and every B-tree, is as it must
// be. It needs extension amcheck, which is made in the copy.
// On failure: BACKUP_UNVERIFIED with its first words.

import { existsSync } from 'node:fs'
import { StrataError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import type { Binaries } from '../embedded/binaries.ts'
import type { RunUser } from '../embedded/host.ts'
import { executable } from '../embedded/packages.ts'
import type { BackupFindings } from './model/record.ts'
import type { ScratchServer } from './scratch-server.ts'
import { runTool } from './tool.ts'

export interface AmcheckRequest {
  readonly server: ScratchServer
  readonly user: string
  readonly database: string
  readonly binaries: Binaries
  readonly account: RunUser | undefined
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
}

const mostNotes = 20

export async function runAmcheck({
  server: { socketDir, port },
  user,
  database,
  binaries,
  account,
  clock,
  signal,
}: AmcheckRequest): Promise<BackupFindings['amcheck']> {
  const file = executable(binaries.binDir, 'pg_amcheck')
  if (!existsSync(file)) return 'left out'
  const place = [`--host=${socketDir}`, `--port=${port}`, `--username=${user}`, '--no-password']
  const args = [...place, '--install-missing', `--database=${database}`]
  const { code, out, err } = await runTool({ file, args, user: account, clock, install: '', signal })
  if (code === 0) return 'passed'
  const lines = `${out}\n${err}`.split('\n').filter((line) => line.trim() !== '')
  // Distributions ship the program apart from the extension.
  if (code !== 2 && lines.some((line) => /extension "amcheck" is not available|amcheck\.control/.test(line)))
    return 'left out'
  throw new StrataError('BACKUP_UNVERIFIED', {
    message: `pg_amcheck finds the restored database damaged: ${lines[0] ?? 'it does not say where'}`,
    notes: lines.slice(1, mostNotes),
    advice: 'Run pg_amcheck on the primary: either that is damaged as well, or the repository is.',
  })
}
