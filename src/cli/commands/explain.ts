import type { Command } from 'commander'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { StrataError } from '../../base/errors.ts'
import { QueryPlanAnalyzer } from '../../advise/index.ts'
import type { CliContext } from '../context.ts'
import { explainLines } from '../explain-text.ts'
import { withStrata } from '../open.ts'
import { printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addExplain(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('explain <statement>')
    .description(
      'draw the plan of a statement, say what is wrong with it and which index would serve: of a file, of standard input (-), or by its queryid',
    )
    .option('--analyze', 'run it, and roll it back: times and rows as they are')
    .option('--params <json>', `values for $1, $2, …: '["Rock", 10]'`)
    .option('--timeout <duration>', 'of a statement that is run', '30s')
    .option('--no-indexes', 'suggest no indexes')
    .addHelpText(
      'after',
      `
Without values a statement with $1 is planned for any value.
Examples:
  $ pgstrata explain slow.sql --params '["Rock"]' --analyze
  $ echo 'select * from plays where song_id = 7' | pgstrata explain -
  $ pgstrata explain 4120391842095562390
  $ pgstrata explain -- -4120391842095562390
`,
    )
  run(command, (options, [given = '']) =>
    withStrata(context, options, async (strata) => {
      const params = parseParams(options['params'])
      const analyzer = new QueryPlanAnalyzer(strata.pool, { timeout: String(options['timeout']) })
      const text = await readStatement(given, { context, analyzer })
      const plan = await analyzer.explainDetailed(text, params, { analyze: options['analyze'] === true })
      const suggestions = options['indexes'] === false ? [] : await analyzer.suggestIndexes(text, params)
      if (options.json === true) printJson(context, { ...plan, suggestions })
      else printLines(context, explainLines(context, { plan, suggestions }))
      return 0
    }),
  )
}

interface Sources {
  readonly context: CliContext
  readonly analyzer: QueryPlanAnalyzer
}

async function readStatement(given: string, { context, analyzer }: Sources): Promise<string> {
  if (given === '-') {
    if (context.input === undefined) throw usage('There is no standard input')
    return await context.input()
  }
  try {
    return await readFile(resolve(context.cwd, given), 'utf8')
  } catch {
    if (/^-?\d{1,20}$/.test(given)) return await analyzer.textOf(given)
    throw usage(`There is no file ${given}, and it is no queryid`)
  }
}

function usage(message: string): StrataError {
  return new StrataError('USAGE', {
    message,
    advice: 'Give a file with one statement, - for standard input, or a queryid of pg_stat_statements.',
  })
}

function parseParams(given: unknown): readonly unknown[] | undefined {
  if (typeof given !== 'string') return undefined
  const parsed = tryJson(given)
  if (Array.isArray(parsed)) return parsed
  throw new StrataError('USAGE', {
    message: '--params is no JSON list',
    expected: `something like '["Rock", 10, null]'`,
  })
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
