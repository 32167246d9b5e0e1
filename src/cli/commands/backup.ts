import type { Command } from 'commander'
import { errorTable } from '../../base/error-table.ts'
import { StrataError } from '../../base/errors.ts'
import type { Backup, BackupKind } from '../../backup/index.ts'
import { backupLines, checkLines, initLines, restoreLines, runLines, statusLines } from '../backup-text.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { withStrata } from '../open.ts'
import { createProgress, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addBackup(program: Command, context: CliContext, run: Run): void {
  const group = program
    .command('backup')
    .description('backups of the whole server: made, listed, proven by a restore, restored')
    .addHelpText(
      'after',
      "\nExamples:\n  $ pgstrata backup init\n  $ pgstrata backup run --full\n  $ pgstrata backup verify\n  $ pgstrata backup restore --to /var/lib/postgresql/15/restored --at '2026-11-22 17:59:59+00'\n",
    )
  addInit(group, context, run)
  addMake(group, context, run)
  addList(group, context, run)
  addVerify(group, context, run)
  addRestore(group, context, run)
  addStatus(group, context, run)
}

function withBackup(
  context: CliContext,
  options: GlobalOptions,
  work: (backup: Backup) => Promise<number>,
): Promise<number> {
  return withStrata(context, options, (strata) => {
    if (strata.backup !== undefined) return work(strata.backup)
    throw new StrataError('USAGE', {
      message: 'No backup is declared',
      advice: 'Declare `backup` in the configuration (docs/backup.md).',
    })
  })
}

function addInit(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('init')
    .description("set up the repository and the provider's configuration; say what the server still needs")
    .addHelpText('after', '\nExit 0: WAL is archived. Exit 2: settings are left to be made; run it again afterwards.\n')
  run(command, (options) =>
    withBackup(context, options, async (backup) => {
      const report = await backup.init({ signal: context.signal })
      if (options.json === true) printJson(context, report)
      else printLines(context, initLines(context, report))
      return report.requirements.length === 0 ? 0 : 2
    }),
  )
}

const kinds: readonly BackupKind[] = ['full', 'differential', 'incremental']

function addMake(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('run')
    .description('make a backup now, and remove those that need not be kept')
    .option('--full', 'everything')
    .option('--differential', 'what changed since the last full one')
    .option('--incremental', 'what changed since the last of any kind (default)')
    .addHelpText('after', '\nExit 6: none was made, or the one that was made is damaged; then none is removed.\n')
  run(command, (options) =>
    withBackup(context, options, async (backup) => {
      const named = kinds.filter((kind) => options[kind] === true)
      if (named.length > 1)
        throw new StrataError('USAGE', { message: `--${named.join(' and --')}: choose one kind of backup` })
      const report = await backup.run({ kind: named[0], signal: context.signal })
      if (options.json === true) printJson(context, report)
      else printLines(context, runLines(context, report))
      return report.made.error === null ? 0 : errorTable.BACKUP_FAILED.exit
    }),
  )
}

function addList(group: Command, context: CliContext, run: Run): void {
  run(group.command('list').description('what the repository holds, the oldest first'), (options) =>
    withBackup(context, options, async (backup) => {
      const backups = await backup.list({ signal: context.signal })
      if (options.json === true) printJson(context, { backups })
      else printLines(context, backupLines(context, backups))
      return 0
    }),
  )
}

function addVerify(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('verify')
    .description('restore a backup to a moment into a server of its own, and look at it there')
    .option('--at <moment>', "to which moment: '2026-11-22 17:59:59+00' (default: now)")
  run(command, (options) =>
    withBackup(context, options, async (backup) => {
      const progress = createProgress(context)
      try {
        const check = await backup.verify({
          at: parseMoment(options['at']),
          signal: context.signal,
          onProgress: progress.show,
        })
        progress.clear()
        if (options.json === true) printJson(context, check)
        else printLines(context, checkLines(context, check))
        return 0
      } finally {
        progress.clear()
      }
    }),
  )
}

function addRestore(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('restore')
    .description('restore into an empty folder, ready to be started')
    .requiredOption('--to <dir>', 'folder of the data: empty, or not there yet')
    .requiredOption('--at <moment>', "'2026-11-22 17:59:59+00', or latest")
    .addHelpText('after', '\nNeeds the repository alone: neither the database nor the machine it ran on.\n')
  run(command, (options) =>
    withBackup(context, options, async (backup) => {
      const at = options['at'] === 'latest' ? 'latest' : (parseMoment(options['at']) ?? 'latest')
      const report = await backup.restore({ dir: String(options['to']), at, signal: context.signal })
      if (options.json === true) printJson(context, report)
      else printLines(context, restoreLines(context, report))
      return 0
    }),
  )
}

function addStatus(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('status')
    .description('how old the newest backup and the newest verified restore are, and what is wrong')
    .addHelpText('after', '\nExit 0: all is well, perhaps with warnings. Exit 6: a backup, or its proof, is missing.\n')
  run(command, (options) =>
    withBackup(context, options, async (backup) => {
      const status = await backup.status()
      if (options.json === true) printJson(context, status)
      else printLines(context, statusLines(context, status))
      const worst = status.findings.find(({ gravity }) => gravity === 'fail')
      if (worst === undefined) return 0
      return errorTable[worst.kind === 'unverified' ? 'BACKUP_UNVERIFIED' : 'BACKUP_STALE'].exit
    }),
  )
}

/** With its zone: a moment that is a few hours off restores what was to be left behind. */
function parseMoment(given: unknown): Date | undefined {
  if (typeof given !== 'string') return undefined
  const text = given.trim()
  const parts = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?) ?(Z|[+-]\d\d(?::?\d\d)?)$/i.exec(text)
  const [, day = '', time = '', zone = ''] = parts ?? []
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2').toUpperCase()
  const at = new Date(`${day}T${time}${offset}`)
  if (parts !== null && !Number.isNaN(at.getTime())) return at
  throw new StrataError('USAGE', {
    message: 'Not a moment',
    expected: "a time with its zone, such as '2026-11-22 17:59:59+00'",
    got: JSON.stringify(text.slice(0, 60)),
  })
}
