import type { Command } from 'commander'
import type { Move, Tiers } from '../../tiers/index.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { withStrata } from '../open.ts'
import { createProgress, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'
import { movedLine, packLines, summaryLines, tableLines } from '../tier-text.ts'

export function addTier(program: Command, context: CliContext, run: Run): void {
  const group = program
    .command('tier')
    .description('partitions that are packed, slimmed and archived as they grow old')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pgstrata tier status\n  $ pgstrata tier pack plays plays_2026_01\n  $ pgstrata tier segments plays plays_2026_01\n',
    )
  addStatus(group, context, run)
  for (const verb of Object.keys(verbs) as Verb[]) addMove(group, context, run, verb)
  addDrop(group, context, run)
  addAbort(group, context, run)
  addPauses(group, context, run)
  addSegments(group, context, run)
}

function withTiers(
  context: CliContext,
  options: GlobalOptions,
  work: (tiers: Tiers) => Promise<number>,
): Promise<number> {
  return withStrata(context, options, (strata) => work(strata.tiers))
}

function addStatus(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('status [table]')
    .description('where each partition is, what that saves, what happens to it next, and what should be seen to')
  run(command, (options, [table]) =>
    withTiers(context, options, async (tiers) => {
      const statuses = await tiers.status(table)
      if (options.json === true) printJson(context, { tables: statuses })
      else if (statuses.length === 0) {
        printLines(context, ['No table has tiers. Declare `warm` or `cold` for one (docs/tiers.md).'])
      } else if (table === undefined) printLines(context, summaryLines(context, statuses))
      else
        printLines(
          context,
          statuses.flatMap((status) => tableLines(context, status)),
        )
      return 0
    }),
  )
}

type Verb = 'pack' | 'repack' | 'slim' | 'unpack' | 'archive'

const verbs: Readonly<Record<Verb, { readonly move: Move; readonly description: string }>> = {
  pack: { move: 'pack', description: 'pack a partition into segments of columns' },
  repack: { move: 'pack', description: 'pack one again, with what came late and what was changed since' },
  slim: { move: 'slim', description: 'rewrite a partition in order, with fewer indexes' },
  unpack: { move: 'unpack', description: 'make a partition an ordinary one again, which then stays as it is' },
  archive: {
    move: 'archive',
    description: 'write a partition to the archive, and prove it; it is dropped behind its grace',
  },
}

function addMove(group: Command, context: CliContext, run: Run, verb: Verb): void {
  const { move, description } = verbs[verb]
  const command = group
    .command(`${verb} <table> <partition>`)
    .description(description)
    .option('--later', 'have the job `tiers` do it, with its next run')
  run(command, (options, [table = '', partition = '']) =>
    withTiers(context, options, (tiers) => carryOut({ context, options, tiers }, { table, partition, move })),
  )
}

interface Call {
  readonly context: CliContext
  readonly options: GlobalOptions & Readonly<Record<string, unknown>>
  readonly tiers: Tiers
}

interface Errand {
  readonly table: string
  readonly partition: string
  readonly move: Move
}

async function carryOut({ context, options, tiers }: Call, { table, partition, move }: Errand): Promise<number> {
  if (options['later'] === true) {
    await tiers.request(table, partition, move)
    if (options.json === true) printJson(context, { requested: { table, partition, move } })
    else printLines(context, [`Noted: the job \`tiers\` will ${move} ${partition}.`])
    return 0
  }
  const progress = createProgress(context)
  try {
    const moved = await tiers.move(table, partition, move, {
      signal: context.signal,
      onProgress: (share) => progress.show({ label: partition, done: Math.round(share * 100), total: 100, unit: '%' }),
    })
    progress.clear()
    if (options.json === true) printJson(context, moved)
    else printLines(context, [movedLine(context, moved)])
    return 0
  } finally {
    progress.clear()
  }
}

function addDrop(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('drop <table> <partition>')
    .description('end the grace of an archived partition: its rows are only in the archive then')
    .option('--yes', 'do not ask before it is dropped')
  run(command, (options, [table = '', partition = '']) =>
    withTiers(context, options, async (tiers) => {
      const question = `Drop ${partition}, of which the archive is verified? [y/N] `
      if (
        options['yes'] !== true &&
        context.ask !== undefined &&
        !/^y(es)?$/i.test((await context.ask(question)).trim())
      ) {
        return 0
      }
      return await carryOut({ context, options, tiers }, { table, partition, move: 'drop' })
    }),
  )
}

function addAbort(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('abort <table> <partition>')
    .description('take a move back: the partition is where it was before')
    .addHelpText('after', '\nWhoever works on it stops behind the step that is under way.\n')
  run(command, (options, [table = '', partition = '']) =>
    withTiers(context, options, async (tiers) => {
      const moved = await tiers.abort(table, partition, { signal: context.signal })
      if (options.json === true) printJson(context, moved)
      else printLines(context, [paint(context, 'green', `${moved.name} is where it was: ${moved.state}.`)])
      return 0
    }),
  )
}

function addPauses(group: Command, context: CliContext, run: Run): void {
  const pause = group
    .command('pause <table>')
    .description('move nothing of a table any more but what a person asks for')
  run(pause, (options, [table = '']) =>
    withTiers(context, options, async (tiers) => {
      await tiers.pause(table)
      return answer(context, options, { paused: true, text: 'Paused. What is under way stops behind its step.' })
    }),
  )
  const resume = group.command('resume <table>').description('go on with moving partitions of a table')
  run(resume, (options, [table = '']) =>
    withTiers(context, options, async (tiers) => {
      await tiers.resume(table)
      return answer(context, options, { paused: false, text: 'Resumed.' })
    }),
  )
}

function answer(
  context: CliContext,
  options: GlobalOptions,
  { paused, text }: { readonly paused: boolean; readonly text: string },
): number {
  if (options.json === true) printJson(context, { paused })
  else printLines(context, [text])
  return 0
}

function addSegments(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('segments <table> [partition]')
    .description('what packs are made of: how each column is kept, and the bytes it takes')
  run(command, (options, [table = '', partition]) =>
    withTiers(context, options, async (tiers) => {
      const packs = await tiers.segments(table, partition)
      if (options.json === true) printJson(context, { packs })
      else if (packs.length === 0) printLines(context, ['No partition of it is packed.'])
      else printLines(context, packLines(context, packs))
      return 0
    }),
  )
}
