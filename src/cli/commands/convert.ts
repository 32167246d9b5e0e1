import type { Command } from 'commander'
import { StrataError } from '../../base/errors.ts'
import { formatDuration, parseDurationMs } from '../../base/units.ts'
import type { ConversionEvent, ConversionOutcome, ConvertOptions, RunOptions } from '../../partitions/convert/index.ts'
import { consents, type Consent, type PartitionedTable } from '../../partitions/index.ts'
import type { Strata } from '../../strata.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { renderItems, renderPreview, renderRecord } from '../conversion-text.ts'
import { withStrata } from '../open.ts'
import { createProgress, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

interface Written extends GlobalOptions {
  readonly full?: boolean
  readonly until?: string
  readonly accept?: readonly string[]
  readonly dryRun?: boolean
  readonly pause?: boolean
  readonly resume?: boolean
  readonly abort?: boolean
  readonly status?: boolean
  readonly dropOld?: boolean
  readonly maxRowsPerSecond?: number
  readonly maxLag?: string
  readonly maxActive?: number
  readonly yes?: boolean
}

const verbs = ['dryRun', 'pause', 'resume', 'abort', 'status', 'dropOld'] as const
type Verb = (typeof verbs)[number]

export function addConvert(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('convert <table>')
    .description('turn a live table into a partitioned one, while it is used')
    .option('--full', 'copy the rows into partitions, instead of keeping the table as the first one')
    .option('--until <time>', 'where the old table ends, at the earliest (without --full)')
    .option('--accept <consent...>', `agree to what is asked: ${consents.join(', ')}`)
    .option('--dry-run', 'print every statement with its lock, and change nothing')
    .option('--pause', 'have the process that works on it stop after its batch')
    .option('--resume', 'go on with a conversion that was paused, failed or killed')
    .option('--abort', 'go back to the plain table, as long as it was not swapped')
    .option('--status', 'show how far it is')
    .option('--drop-old', 'drop what a full conversion left of the old table')
    .option('--max-rows-per-second <n>', 'copy no faster than this', parseCount)
    .option('--max-lag <duration>', "wait for replicas that are further behind (default: '10s')")
    .option('--max-active <n>', 'wait while more other backends are at work', parseCount)
    .option('--yes', 'do not ask before it begins')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pgstrata convert plays --dry-run\n  $ pgstrata convert plays\n  $ pgstrata convert plays --full --max-rows-per-second 20000\n',
    )
  run(command, (options, [name = '']) =>
    withStrata(context, options, (strata) => convert(context, strata, name, options as Written)),
  )
}

async function convert(context: CliContext, strata: Strata, name: string, options: Written): Promise<number> {
  const table = findTable(strata, name)
  const asked = verbs.filter((verb) => options[verb] === true)
  if (asked.length > 1) {
    throw new StrataError('USAGE', { message: 'Say one thing at a time', got: asked.map(asOption).join(' ') })
  }
  const [verb] = asked
  return await (verb === undefined ? begin : actions[verb])({ context, strata, table, options })
}

interface Call {
  readonly context: CliContext
  readonly strata: Strata
  readonly table: PartitionedTable
  readonly options: Written
}

const actions: Readonly<Record<Verb, (call: Call) => Promise<number>>> = {
  dryRun: async ({ context, strata, table, options }) => {
    const preview = await strata.conversion.preview(table, chosen(options))
    if (options.json === true) printJson(context, preview)
    else printLines(context, renderPreview(context, preview))
    return preview.items.every((item) => item.verdict === 'carried') ? 0 : 5
  },
  pause: async ({ context, strata, table, options }) => {
    const record = await strata.conversion.pause(table)
    if (options.json === true) printJson(context, record)
    else printLines(context, ['Whoever works on it stops after the batch under way. Go on with --resume.'])
    return 0
  },
  resume: async ({ context, strata, table, options }) =>
    finish(context, options, await strata.conversion.resume(table, running(context, options))),
  abort: async ({ context, strata, table, options }) =>
    finish(context, options, await strata.conversion.abort(table, running(context, options))),
  status: async ({ context, strata, table, options }) => {
    const record = await strata.conversion.status(table)
    if (options.json === true) printJson(context, record ?? null)
    else printLines(context, record === undefined ? ['It was never converted.'] : renderRecord(context, record))
    return 0
  },
  dropOld: async ({ context, strata, table, options }) => {
    const names = await strata.conversion.dropOld(table, { signal: context.signal })
    if (options.json === true) printJson(context, { dropped: names.retired })
    else printLines(context, [paint(context, 'green', `Dropped ${names.schema}.${names.retired}.`)])
    return 0
  },
}

async function begin({ context, strata, table, options }: Call): Promise<number> {
  const known = await strata.conversion.status(table)
  if (known === undefined || known.finishedAt !== null) {
    const preview = await strata.conversion.preview(table, chosen(options))
    if (options.json !== true) {
      printLines(context, [...renderItems(context, preview.items), ...preview.notes])
      if (preview.items.every((item) => item.verdict === 'carried') && !(await isWanted(context, options))) return 0
    }
  }
  const outcome = await strata.conversion.convert(table, { ...chosen(options), ...running(context, options) })
  return finish(context, options, outcome)
}

/** Nobody there to ask is a yes: the command was given. */
async function isWanted(context: CliContext, options: Written): Promise<boolean> {
  if (options.yes === true || context.ask === undefined) return true
  return /^y(es)?$/i.test((await context.ask('Begin? [y/N] ')).trim())
}

function finish(context: CliContext, options: Written, { ending, record }: ConversionOutcome): number {
  if (options.json === true) {
    printJson(context, { ending, record })
    return 0
  }
  const { schema, table, retired } = record.names
  const said: Readonly<Record<typeof ending, string>> = {
    done: `${schema}.${table} is partitioned.${record.method === 'copy' ? ` The old table is ${schema}.${retired}: --drop-old drops it.` : ''}`,
    aborted: `${schema}.${table} is as it was.`,
    paused: `Paused (${record.state}). Go on with --resume.`,
    'asked to abort': 'Stopped: somebody asked to go back to the plain table.',
  }
  printLines(context, [paint(context, ending === 'done' || ending === 'aborted' ? 'green' : 'yellow', said[ending])])
  return 0
}

function chosen({ full, until, accept = [] }: Written): ConvertOptions {
  const unknown = accept.filter((word) => !(consents as readonly string[]).includes(word))
  if (unknown.length > 0) {
    throw new StrataError('USAGE', {
      message: 'Not something to consent to',
      expected: consents.join(', '),
      got: unknown.join(', '),
    })
  }
  return { full, until, accept: accept as readonly Consent[] }
}

function running(context: CliContext, options: Written): RunOptions {
  const { maxRowsPerSecond, maxLag, maxActive } = options
  return {
    limits: {
      ...(maxRowsPerSecond === undefined ? {} : { rowsPerSecond: maxRowsPerSecond }),
      ...(maxLag === undefined ? {} : { maxLagMs: parseDurationMs(maxLag) }),
      ...(maxActive === undefined ? {} : { maxActive }),
    },
    signal: context.signal,
    onEvent: printEvents(context),
  }
}

function printEvents(context: CliContext): (event: ConversionEvent) => void {
  const progress = createProgress(context)
  return (event) => {
    if (event.type === 'progress') {
      const rate =
        event.rowsPerSecond === undefined ? '' : `${Math.round(event.rowsPerSecond).toLocaleString('en-US')} rows/s`
      const left = event.leftMs === undefined ? '' : `${formatDuration(event.leftMs)} left`
      const note = [event.note ?? '', rate, left].filter((part) => part !== '').join(', ')
      progress.show({
        label: event.state,
        done: event.done,
        total: event.total,
        unit: event.unit,
        note: note || undefined,
      })
      return
    }
    if (event.type === 'transaction' || event.type === 'statement') return
    progress.clear()
    if (event.type === 'state') context.err(`${event.state}\n`)
    if (event.type === 'anew') context.err(`The table was ${event.why} in between: the copying begins anew\n`)
    if (event.type === 'busy') {
      context.err(
        `  a lock was not to be had; try ${event.attempt} of ${event.attempts}, again in ${Math.round(event.pauseMs)} ms\n`,
      )
    }
  }
}

function findTable(strata: Strata, name: string): PartitionedTable {
  const { tables } = strata.config
  const found = tables.find(
    (table) => table.key === name || `${table.schema}.${table.table}` === name || table.table === name,
  )
  if (found !== undefined) return found
  throw new StrataError('TABLE_UNKNOWN', {
    message: `No table "${name}" is declared with partitions`,
    ...(tables.length === 0 ? {} : { expected: `one of ${tables.map((table) => table.key).join(', ')}` }),
    advice: 'Declare it under `tables` of the configuration, then convert it.',
  })
}

function asOption(verb: Verb): string {
  return `--${verb.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new StrataError('USAGE', {
    message: 'Not a count',
    expected: 'a whole number from 1',
    got: JSON.stringify(text),
  })
}
