import type { Command } from 'commander'
import { formatSize, plural } from '../../base/units.ts'
import type { NextAction, PartitionStatus, TableStatus } from '../../partitions/index.ts'
import { paint, type CliContext } from '../context.ts'
import { withStrata } from '../open.ts'
import { formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addPartitions(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('partitions [table]')
    .description('what has become of the tables that are laid out: partitions, what happens next, findings')
    .addHelpText('after', '\nExamples:\n  $ pgstrata partitions\n  $ pgstrata partitions plays --json\n')
  run(command, (options, [table]) =>
    withStrata(context, options, async (strata) => {
      const statuses = await strata.partitions.status(table)
      if (options.json === true) printJson(context, { tables: statuses })
      else if (statuses.length === 0) {
        printLines(context, ['No table has a layout. Declare one under `tables` (docs/partitions.md).'])
      } else if (table === undefined) printLines(context, renderSummary(context, statuses))
      else
        printLines(
          context,
          statuses.flatMap((status) => renderTable(context, status)),
        )
      return 0
    }),
  )
}

function renderSummary(context: CliContext, statuses: readonly TableStatus[]): string[] {
  const rows = statuses.map((status) => [
    status.key,
    status.state,
    status.layout,
    status.state === 'partitioned' ? plural(status.partitions.length, 'partition') : '',
    formatSize(sum(status.partitions.map(({ sizeBytes }) => sizeBytes))),
    describeNext(status.next),
  ])
  const findings = statuses.flatMap((status) => renderFindings(context, status, `${status.key}: `))
  return [...formatTable(rows), ...(findings.length === 0 ? [] : ['', ...findings])]
}

function renderTable(context: CliContext, status: TableStatus): string[] {
  const { partitions, retired, missing, retention } = status
  const facts = [
    `${paint(context, 'bold', `${status.schema}.${status.table}`)}  ${status.layout}`,
    ...(retention === null ? [] : [`  ${retention}`]),
    ...(status.next === null ? [] : [`  ${describeNext(status.next)}`]),
  ]
  const table = partitions.map((partition) => [
    `  ${partition.name}`,
    describeBound(partition),
    describeRows(partition, status.defaultRows),
    formatSize(partition.sizeBytes),
    partition.tier,
    partition.next === null ? '' : describeNext(partition.next),
  ])
  const out = retired.map(({ name, state, next, note }) => [
    `  ${name}`,
    state,
    note ?? (next === null ? '' : describeNext(next)),
  ])
  return [
    ...facts,
    ...(table.length === 0 ? [] : ['', ...formatTable(table)]),
    ...(missing.length === 0 ? [] : ['', ...missing.map((name) => `  ${paint(context, 'yellow', 'missing')} ${name}`)]),
    ...(out.length === 0 ? [] : ['', '  taken out:', ...formatTable(out)]),
    ...(status.findings.length === 0 ? [] : ['', ...renderFindings(context, status, '')]),
  ]
}

function renderFindings(context: CliContext, { findings }: TableStatus, prefix: string): string[] {
  return findings.flatMap(({ what, advice }) => [
    `${paint(context, 'yellow', '!')} ${prefix}${what}`,
    `  ${paint(context, 'cyan', '→')} ${advice}`,
  ])
}

function describeBound({ bound, parts }: PartitionStatus): string {
  const shown = bound
    .replace(/^FOR VALUES (FROM )?/, '')
    .replaceAll("'", '')
    .toLowerCase()
  return parts === 0 ? shown : `${shown}, ${parts} parts`
}

/** The default partition's are counted; of the others it is the server's estimate. */
function describeRows({ rows, isDefault }: PartitionStatus, counted: number | null): string {
  if (isDefault && counted !== null) return plural(counted, 'row')
  return rows === null ? 'never analysed' : `~${plural(Math.round(rows), 'row')}`
}

function describeNext(next: NextAction | null): string {
  if (next === null) return ''
  return next.on === null ? next.what : `${next.what} on ${next.on.toISOString().slice(0, 16).replace('T', ' ')}Z`
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
