import { Option, type Command } from 'commander'
import { errorTable } from '../../base/error-table.ts'
import { StrataError } from '../../base/errors.ts'
import type { ArchiveFitting, Archives, ArchiveSource } from '../../tiers/index.ts'
import { checkLines, csvLine, listLines, movedLine, storedLines, tableRows } from '../archive-text.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { withStrata } from '../open.ts'
import { createProgress, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addArchive(program: Command, context: CliContext, run: Run): void {
  const group = program
    .command('archive')
    .description('partitions that are in the archive: listed, proven, asked, restored')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pgstrata archive list plays\n  $ pgstrata archive verify --share 0.1\n  $ pgstrata archive query "select count(*) from plays" --from 2025-01-01\n  $ pgstrata archive restore plays plays_2025_01\n',
    )
  addList(group, context, run)
  addVerify(group, context, run)
  addQuery(group, context, run)
  addRestore(group, context, run)
  addForget(group, context, run)
}

type Options = GlobalOptions & Readonly<Record<string, unknown>>

function withArchives(
  context: CliContext,
  options: Options,
  work: (archives: Archives) => Promise<number>,
): Promise<number> {
  return withStrata(context, options, (strata) => {
    if (strata.archive !== undefined) return work(strata.archive)
    throw new StrataError('USAGE', {
      message: 'No archive is declared',
      advice: 'Declare `archive: { to: … }` in the configuration (docs/archive.md).',
    })
  })
}

function addList(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('list [table]')
    .description('every archive: its partition, state, rows and bytes, and when it was last read back')
    .option('--all', 'also those that were replaced or removed')
    .option('--store [url]', 'what a store has, by its manifests, whatever the database knows of it')
  run(command, (options, [table]) =>
    withArchives(context, options, async (archives) => {
      if (options['store'] !== undefined) {
        const store = options['store'] === true ? archives.store : (options['store'] as string)
        const stored = await archives.stored({ store, signal: context.signal })
        if (options.json === true) printJson(context, { store, archives: stored })
        else printLines(context, storedLines(context, store, stored))
        return 0
      }
      const all = await archives.list(table)
      const over: ReadonlySet<string> = new Set(['superseded', 'removed'])
      const shown = options['all'] === true ? all : all.filter(({ state }) => !over.has(state))
      if (options.json === true) printJson(context, { store: archives.store, archives: shown })
      else printLines(context, listLines(context, archives.store, shown))
      return 0
    }),
  )
}

function addVerify(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('verify [table]')
    .description('read archives back from their store, and compare their bytes and their rows with what was written')
    .option('--share <share>', 'only that share of them, those that nobody has read for longest: 0.1')
    .addHelpText(
      'after',
      '\nExit 0: all that was read is whole. Exit 6: something is lost or damaged; it says which object.\n',
    )
  run(command, (options, [table]) =>
    withArchives(context, options, async (archives) => {
      const progress = createProgress(context)
      const read = { files: 0 }
      const report = await archives
        .verify({
          table,
          share: parseShare(options['share']),
          signal: context.signal,
          onFile: (note) =>
            progress.show({ label: 'verify', done: ++read.files, total: undefined, unit: 'files', note }),
        })
        .finally(progress.clear)
      if (options.json === true) printJson(context, report)
      else printLines(context, checkLines(context, report))
      const [first] = report.faults
      return first === undefined ? 0 : errorTable[first.code].exit
    }),
  )
}

function parseShare(given: unknown): number | undefined {
  if (given === undefined) return undefined
  const share = Number(given)
  if (share > 0 && share <= 1) return share
  throw new StrataError('USAGE', {
    message: 'Not a share',
    expected: 'more than 0, at most 1',
    got: JSON.stringify(given),
  })
}

const formats = ['table', 'json', 'csv'] as const

function addQuery(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('query <statement>')
    .description('ask archives, and the rows that are still in the database, by one SELECT in the SQL of DuckDB')
    .option('--from <value>', "of the column that tables are partitioned by: '2025-01-01'")
    .option('--to <value>', 'up to there, itself excluded')
    .addOption(
      new Option('--live <rows>', 'with the rows that are in the database').choices(['all', 'none']).default('all'),
    )
    .addOption(new Option('--format <format>', 'how the answer is printed').choices(formats).default('table'))
  run(command, (options, [statement = '']) =>
    withArchives(context, options, async (archives) => {
      const text = (name: string): string | undefined => options[name] as string | undefined
      const asked = {
        from: text('from'),
        to: text('to'),
        live: options['live'] as 'all' | 'none',
        signal: context.signal,
      }
      const format = options.json === true ? 'json' : (options['format'] as (typeof formats)[number])
      await archives.read(
        statement,
        async ({ columns, rows }) => {
          if (format !== 'csv') {
            const all: (readonly unknown[])[] = []
            for await (const row of rows) all.push(row)
            if (format === 'json') printJson(context, { columns, rows: all })
            else printLines(context, tableRows(columns, all))
            return
          }
          context.out(csvLine(columns))
          for await (const row of rows) context.out(csvLine(row))
        },
        asked,
      )
      return 0
    }),
  )
}

function addRestore(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('restore [table] [partition]')
    .description('bring a partition back into its table; or, with --into, its rows into a table of its own')
    .option('--into <table>', 'schema.table: made as the table was where it is not there; the archive stays as it is')
    .option('--manifest <key>', 'with --into: of a store, in place of a table and its partition (archive list --store)')
    .option('--store <url>', 'the store of --manifest; default: the declared one')
    .option('--without <column...>', 'archived columns that are left out')
    .option('--map <names...>', 'archived columns that have another name now: old=new')
    .addHelpText('after', '\nExit 5: the table changed since, and the columns do not fit; the message names them.\n')
  run(command, (options, [table = '', partition = '']) =>
    withArchives(context, options, async (archives) => {
      const progress = createProgress(context)
      const asked = {
        ...parseFitting(options),
        signal: context.signal,
        onProgress: (share: number): void =>
          progress.show({ label: partition, done: Math.round(share * 100), total: 100, unit: '%' }),
      }
      if (options['into'] !== undefined) {
        const into = parseTable(options['into'] as string)
        const rows = await archives
          .restoreInto(sourceOf(options, { table, partition }), into, asked)
          .finally(progress.clear)
        if (options.json === true) printJson(context, { ...into, rows })
        else
          printLines(context, [
            paint(context, 'green', `${rows.toLocaleString('en-US')} rows are in ${into.schema}.${into.table}.`),
          ])
        return 0
      }
      requireNamed(options, partition)
      const moved = await archives.restore(table, partition, asked).finally(progress.clear)
      if (options.json === true) printJson(context, moved)
      else printLines(context, [movedLine(context, moved)])
      return 0
    }),
  )
}

function requireNamed(options: Options, partition: string): void {
  if (partition !== '' && options['manifest'] === undefined) return
  throw new StrataError('USAGE', {
    message: options['manifest'] === undefined ? 'Which partition?' : '--manifest restores into a table of its own',
    expected: options['manifest'] === undefined ? 'a table and a partition' : '--into schema.table',
  })
}

function sourceOf(options: Options, named: { readonly table: string; readonly partition: string }): ArchiveSource {
  const { manifest, store } = options as { readonly manifest?: string; readonly store?: string }
  if (manifest === undefined) {
    requireNamed(options, named.partition)
    return named
  }
  return { manifest, store }
}

function parseFitting(options: Options): ArchiveFitting {
  const pairs = ((options['map'] ?? []) as readonly string[]).map((pair) => {
    const [, from, to] = /^([^=]+)=([^=]+)$/.exec(pair) ?? []
    if (from !== undefined && to !== undefined) return [from, to] as const
    throw new StrataError('USAGE', { message: 'Not two names', expected: 'old=new', got: JSON.stringify(pair) })
  })
  return { without: (options['without'] ?? []) as readonly string[], renamed: Object.fromEntries(pairs) }
}

function parseTable(given: string): { readonly schema: string; readonly table: string } {
  const [first = '', second, ...more] = given.split('.')
  if (first !== '' && second !== '' && more.length === 0) {
    return second === undefined ? { schema: 'public', table: first } : { schema: first, table: second }
  }
  throw new StrataError('USAGE', { message: 'Not a table', expected: 'schema.table', got: JSON.stringify(given) })
}

function addForget(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('forget <archive>')
    .description('remove the files of an archive, by its number')
    .option('--only-copy', 'also where its rows are, or may be, nowhere else')
    .option('--yes', 'do not ask')
  run(command, (options, [archive = '']) =>
    withArchives(context, options, async (archives) => {
      const question = `Remove the files of archive ${archive}? [y/N] `
      const isAsked = options['yes'] !== true && context.ask !== undefined
      if (isAsked && !/^y(es)?$/i.test((await context.ask?.(question))?.trim() ?? '')) return 0
      const removed = await archives.forget(archive, { onlyCopy: options['onlyCopy'] === true })
      if (options.json === true) printJson(context, removed)
      else printLines(context, [`The files of archive ${archive} (${removed.partition}) are removed.`])
      return 0
    }),
  )
}
