import type { Command } from 'commander'
import { formatSize, plural } from '../../base/units.ts'
import type { ChangesStatus } from '../../changes/feed/index.ts'
import { formatLsn } from '../../db/lsn.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { withStrata } from '../open.ts'
import { formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addChanges(program: Command, context: CliContext, run: Run): void {
  const group = program
    .command('changes')
    // Options behind the name of a subcommand are that one's.
    .enablePositionalOptions()
    .description('show the feed of changes: who consumes it, how far it is, what is kept for it')
    .addHelpText('after', '\nExamples:\n  $ pgstrata changes\n  $ pgstrata changes status --json\n')
  const show = (options: GlobalOptions): Promise<number> =>
    withStrata(context, options, async ({ changes }) => {
      const status = await changes.status()
      const tables = changes.declared?.tables ?? []
      if (options.json === true) printJson(context, { ...describe(status), tables })
      else printLines(context, render(context, status, tables.length))
      return 0
    })
  run(group, show)
  run(group.command('status').description('the same'), show)
}

/** Without what concerns this process, which consumes nothing; positions as PostgreSQL writes them. */
function describe(status: ChangesStatus): Record<string, unknown> {
  const { epoch, isHeld, slot, outboxBytes, isOutboxFull, capBytes, walLevel, findings } = status
  const shown = slot === undefined ? undefined : { ...slot, confirmed: formatLsn(slot.confirmed) }
  return { epoch, isHeld, slot: shown, outboxBytes, isOutboxFull, capBytes, walLevel, findings }
}

function render(context: CliContext, status: ChangesStatus, tables: number): string[] {
  const { epoch, isHeld, findings } = status
  const begun =
    epoch === undefined
      ? [['epoch', 'none: the feed has never run here']]
      : [
          ['source', epoch.source === 'wal' ? describeSlot(status) : 'an outbox'],
          ['epoch', `${epoch.epoch}, since ${epoch.since.toISOString()}: ${epoch.why}`],
          ['kept', describeKept(status)],
        ]
  const consumer = isHeld ? 'a process consumes it' : paint(context, 'yellow', 'nobody: run `pgstrata serve`')
  return [
    ...formatTable([...begun, ['consumer', consumer], ['tables', plural(tables, 'table')]]),
    ...findings.flatMap(({ schema, table, finding, advice }) => [
      `${paint(context, 'yellow', 'warn')}  ${schema}.${table}: ${finding}`,
      `      ${paint(context, 'cyan', '→')} ${advice}`,
    ]),
  ]
}

function describeSlot({ slot }: ChangesStatus): string {
  if (slot === undefined) return 'the WAL; its slot is gone, and a new epoch begins with the next consumer'
  if (slot.isLost) return `the WAL; slot ${slot.name} is lost, and a new epoch begins with the next consumer`
  return `the WAL, by slot ${slot.name}${slot.pid === undefined ? '' : ` (backend ${slot.pid})`}`
}

function describeKept({ epoch, slot, outboxBytes, isOutboxFull, capBytes }: ChangesStatus): string {
  if (epoch?.source === 'outbox' && isOutboxFull)
    return `${formatSize(outboxBytes)} in the outbox, which is full: nothing is noted until the feed begins anew`
  if (epoch?.source === 'outbox') return `${formatSize(outboxBytes)} in the outbox`
  if (slot === undefined) return 'nothing'
  const most = capBytes === undefined ? 'without a limit of the server' : `of at most ${formatSize(capBytes)}`
  return `${formatSize(slot.retainedBytes)} of WAL, ${most}; ${formatSize(slot.lagBytes)} not handled`
}
