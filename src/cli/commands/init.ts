import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Command } from 'commander'
import { StrataError } from '../../base/errors.ts'
import { findNeighbours, type Neighbour } from '../neighbours.ts'
import { loadConfig } from '../../config/index.ts'
import { openStrata } from '../../strata.ts'
import { paint, type CliContext } from '../context.ts'
import { printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

const firstMigration = `-- up
create table song (
  id bigint generated always as identity primary key,
  title text not null,
  created_at timestamptz not null default now()
);

-- down
drop table song;
`

export function addInit(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('init')
    .description('write pgstrata.config.ts and a first migration, beside what is already there')
    .option('-y, --yes', 'ask nothing, take the defaults')
    .option('--baseline', 'make the first migration from the schema of the live database, and mark it applied')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pgstrata init\n  $ DATABASE_URL=postgres://… pgstrata init --yes --baseline\n',
    )
  run(command, async (options) => {
    const neighbours = await findNeighbours(context.cwd)
    const choices = await choose(context, options['yes'] === true, neighbours)
    const configPath = await writeConfig(context.cwd, choices)
    const baseline = options['baseline'] === true
    const migration = baseline ? await writeBaseline(context.cwd, configPath) : await writeFirst(context.cwd, choices)
    await ignoreData(context.cwd)
    if (options.json === true) printJson(context, { config: configPath, migration: migration ?? null, neighbours })
    else {
      printLines(context, [
        `wrote ${configPath}`,
        ...(migration === undefined
          ? []
          : [`wrote ${migration}${baseline ? ' (the live schema, marked as applied)' : ''}`]),
        ...neighbours.flatMap((found) => [
          '',
          paint(context, 'yellow', `${found.tool} is here too (${found.at}).`),
          found.advice,
        ]),
        '',
        'Next: pgstrata doctor, then pgstrata migrate up --dry-run. No database at hand? pgstrata dev starts one.',
      ])
    }
    return 0
  })
}

interface Choices {
  readonly variable: string
  readonly dir: string
}

async function choose(context: CliContext, yes: boolean, neighbours: readonly Neighbour[]): Promise<Choices> {
  const taken = neighbours.some((found) => found.tool === 'node-pg-migrate' || found.tool === 'Knex')
  const defaults: Choices = { variable: 'DATABASE_URL', dir: taken ? './pgstrata/migrations' : './migrations' }
  if (yes || context.ask === undefined) return defaults
  const ask = async (question: string, fallback: string): Promise<string> =>
    ((await context.ask?.(`${question} (${fallback}) `)) ?? '').trim() || fallback
  const variable = await ask('Which environment variable holds the URL of the primary?', defaults.variable)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
    throw new StrataError('USAGE', {
      message: 'Not the name of an environment variable',
      expected: 'letters, digits and underscores',
      got: JSON.stringify(variable),
    })
  }
  return { variable, dir: await ask('Where should migrations live?', defaults.dir) }
}

async function writeConfig(cwd: string, choices: Choices): Promise<string> {
  const name = 'pgstrata.config.ts'
  if (existsSync(join(cwd, name))) {
    throw new StrataError('FILE_EXISTS', {
      message: `${name} is already here`,
      advice: 'Nothing was written. Edit the file, or remove it first.',
    })
  }
  const dirLine = choices.dir === './migrations' ? '' : `  migrations: { dir: ${JSON.stringify(choices.dir)} },\n`
  const text = `import { defineConfig } from 'pgstrata'

export default defineConfig({
  database: { primary: process.env.${choices.variable} },
${dirLine}})
`
  await writeFile(join(cwd, name), text, { flag: 'wx' })
  return name
}

async function writeFirst(cwd: string, choices: Choices): Promise<string | undefined> {
  const dir = join(cwd, choices.dir)
  if (existsSync(dir)) return undefined
  await mkdir(dir, { recursive: true })
  const name = join(choices.dir, '0001_first.sql')
  await writeFile(join(cwd, name), firstMigration, { flag: 'wx' })
  return name
}

/** A configuration that leads nowhere is not left behind: the next try would find it and refuse. */
async function writeBaseline(cwd: string, configPath: string): Promise<string> {
  try {
    const { config } = await loadConfig({ cwd })
    const strata = openStrata(config)
    try {
      return relative(cwd, await strata.migrate.baseline())
    } finally {
      await strata.close()
    }
  } catch (error) {
    await rm(join(cwd, configPath))
    throw error
  }
}

/** The data of `pgstrata dev` does not belong into the repository. */
async function ignoreData(cwd: string): Promise<void> {
  const path = join(cwd, '.gitignore')
  const text = await readFile(path, 'utf8').catch(() => '')
  if (/^\/?\.pgstrata\/?$/m.test(text)) return
  await writeFile(path, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}.pgstrata/\n`)
}
