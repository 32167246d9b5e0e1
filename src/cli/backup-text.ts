// Backups as a person reads them in a terminal.

import type {
  BackupCheck,
  BackupRecord,
  BackupStatus,
  InitReport,
  Requirement,
  RestoreReport,
  RunReport,
} from '../backup/index.ts'
import { formatDuration, formatSize, plural } from '../base/units.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { paint, type CliContext } from './context.ts'
import { formatTable } from './output.ts'

export function initLines(context: CliContext, { configFile, written, requirements }: InitReport): readonly string[] {
  const file = `${configFile}: ${written ? 'written' : 'as it has to be'}`
  if (requirements.length === 0) return [file, paint(context, 'green', 'WAL is archived, and the repository has it.')]
  return [
    file,
    'The server needs further settings. As a superuser:',
    ...requirements.map((one) => `  ${statementOf(one)};${paint(context, 'dim', `  -- now ${one.now || 'empty'}`)}`),
    requirements.some(({ restart }) => restart)
      ? 'Restart the server, then run `pgstrata backup init` again.'
      : 'Then `select pg_reload_conf();`, and run `pgstrata backup init` again.',
  ]
}

const statementOf = ({ setting, needed }: Requirement): string =>
  `alter system set ${setting} = ${quoteLiteral(needed)}`

export function runLines(context: CliContext, { made, expired }: RunReport): readonly string[] {
  const took = formatDuration(made.endedAt.getTime() - made.beganAt.getTime())
  return [
    paint(
      context,
      made.error === null ? 'green' : 'yellow',
      `${made.label}: ${made.kind}, ${formatSize(made.bytes)} (${formatSize(made.storedBytes)} stored) in ${took}`,
    ),
    ...(made.error === null ? [] : [`  ${paint(context, 'yellow', '!')} ${made.error}`]),
    ...(expired.length === 0 ? [] : [`removed: ${expired.join(', ')}`]),
  ]
}

export function backupLines(context: CliContext, backups: readonly BackupRecord[]): readonly string[] {
  if (backups.length === 0) return ['There is no backup yet. Make one: pgstrata backup run']
  const rows = formatTable(
    backups.map(({ label, kind, endedAt, bytes, storedBytes, error }) => [
      label,
      kind,
      stampOf(endedAt),
      formatSize(bytes),
      `${formatSize(storedBytes)} stored`,
      error ?? '',
    ]),
  )
  return rows.map((row, index) => (backups[index]?.error === null ? row : paint(context, 'yellow', row)))
}

export function checkLines(context: CliContext, check: BackupCheck): readonly string[] {
  const { found } = check
  if (found === null) return [`${check.backup}: ${check.failure ?? 'not looked at'}`]
  const checks = Object.entries(found.checks).map(([name, outcome]) => [
    `  ${name}`,
    outcome === 'equal' ? 'as the primary answered' : 'answered; on the primary the answer was changing',
  ])
  return [
    paint(context, 'green', `${check.backup}: restored to ${stampOf(check.target)} and verified`),
    `  restored in ${formatDuration(found.restoreMs)}, recovered in ${formatDuration(found.recoverMs)}`,
    `  mark ${found.mark} is the newest, as it has to be`,
    `  pg_amcheck ${found.amcheck}`,
    ...formatTable(checks),
  ]
}

export function restoreLines(context: CliContext, { dir, backup, target, account }: RestoreReport): readonly string[] {
  return [
    paint(context, 'green', `${backup.label} is in ${dir}, and recovers to ${target} when it is started.`),
    `Start it as ${account}: pg_ctl -D ${dir} -o '-p 5433 -c max_logical_replication_workers=0' start`,
    'It recovers until `select pg_is_in_recovery()` says f; what is read before that may lack rows.',
    'It archives nothing. When it is to be the server: alter system reset archive_mode; then restart it.',
  ]
}

export function statusLines(context: CliContext, status: BackupStatus): readonly string[] {
  const { backups, newest, newestFull, oldest, ageMs, verified, verifiedAgeMs, archive, findings } = status
  const ago = (ms: number | null): string => (ms === null ? '' : `${formatDuration(ms)} ago`)
  return [
    ...formatTable([
      ['backups', plural(backups, 'backup')],
      ['newest', newest === null ? 'none' : `${newest.label}, ${ago(ageMs)}`],
      ['newest full', newestFull?.label ?? 'none'],
      ['reach back to', oldest === null ? 'nothing' : stampOf(oldest.endedAt)],
      [
        'verified',
        verified === null ? 'never' : `${verified.backup} to ${stampOf(verified.target)}, ${ago(verifiedAgeMs)}`,
      ],
      ['WAL archived', archive.lastArchivedAt === null ? 'never' : stampOf(archive.lastArchivedAt)],
    ]),
    ...findings.flatMap(({ gravity, what, todo }) => [
      `${paint(context, gravity === 'fail' ? 'red' : 'yellow', gravity)}  ${what}`,
      `      ${paint(context, 'cyan', '→')} ${todo}`,
    ]),
  ]
}

/** To the second, in UTC. */
const stampOf = (at: Date): string => `${at.toISOString().slice(0, 19)}Z`
