import type { Command } from 'commander'
import { StrataError } from '../../base/errors.ts'
import { plural } from '../../base/units.ts'
import { describeFinding, requireVerified, stopping, type VerifyResult } from '../../migrate/index.ts'
import { paint, type CliContext } from '../context.ts'
import { withStrata } from '../open.ts'
import { printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addMigrateChecks(group: Command, context: CliContext, run: Run): void {
  addVerify(group, context, run)
  addLint(group, context, run)
}

const marks: Readonly<Record<VerifyResult['verdict'], string>> = {
  ok: 'up, down, up: the same',
  irreversible: 'has no way down (not checked)',
  'down differs': 'down does not undo up',
  'up differs': 'the second up differs from the first',
}

function addVerify(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('verify')
    .description('prove on an embedded cluster that every migration comes back as it went')
    .option('--postgres <version>', 'PostgreSQL version to prove it on (default: that of the live server)', parseMajor)
    .addHelpText('after', '\nExample:\n  $ pgstrata migrate verify --postgres 15\n')
  run(command, (options) =>
    withStrata(context, options, async ({ migrate }) => {
      const version = options['postgres'] as 15 | 16 | 17 | 18 | undefined
      const results = await migrate.verify({
        ...(version === undefined ? {} : { version }),
        signal: context.signal,
        onVerified: (result) => context.err(`${result.name}: ${marks[result.verdict]}\n`),
      })
      if (options.json === true) {
        printJson(context, { results })
        return results.some((result) => result.diff.length > 0) ? 6 : 0
      }
      requireVerified(results)
      printLines(context, [paint(context, 'green', `${plural(results.length, 'migration')} verified.`)])
      return 0
    }),
  )
}

function addLint(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('lint')
    .description('what pending migrations would do to the live database')
    .option('--all', 'also those already applied')
    .option('--offline', 'all files, without a database: the worst is assumed')
    .addHelpText('after', '\nExit 0: nothing stops `migrate up`. Exit 5: something would. Rules: docs/lint.md\n')
  run(command, (options) =>
    withStrata(context, options, async ({ migrate, config }) => {
      const checked = await migrate.lint({ all: options['all'] === true, offline: options['offline'] === true })
      const stops = stopping(checked, config.migrate.lint).length > 0
      if (options.json === true) printJson(context, { stops, migrations: checked })
      else {
        const lines = checked.flatMap((item) => item.findings.flatMap((finding) => describeFinding(item.file, finding)))
        printLines(
          context,
          lines.length > 0 ? lines : [paint(context, 'green', `${plural(checked.length, 'migration')}, no findings.`)],
        )
      }
      return stops ? 5 : 0
    }),
  )
}

function parseMajor(text: string): number {
  const major = Number(text)
  if ([15, 16, 17, 18].includes(major)) return major
  throw new StrataError('USAGE', {
    message: 'Not a supported version',
    expected: '15, 16, 17 or 18',
    got: JSON.stringify(text),
  })
}
