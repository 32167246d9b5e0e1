// Runs pgBackRest with the configuration that `init` wrote, and tells its errors in its own words.

import { StrataError } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import type { RunUser } from '../../embedded/host.ts'
import { runTool, type ToolAnswer } from '../tool.ts'
import { linesOf, type LogLine } from './log.ts'

export interface PgBackRestOptions {
  readonly command: string
  readonly configFile: string
  readonly stanza: string
  readonly clock: Clock
}

/** `account`: who owns the data. The options are said on each command line, for their defaults differ between versions. */
export interface PgBackRestRun {
  readonly args: readonly string[]
  readonly account: RunUser | undefined
  readonly signal: AbortSignal | undefined
  /** How much it says of what it does. Default: warnings. */
  readonly level?: 'warn' | 'detail'
}

const install =
  'Install it where the server is: `sudo apt-get install pgbackrest`, or as its documentation says for your system.'
const mostNotes = 20

/** Throws BACKUP_FAILED where pgBackRest did not succeed. */
export async function runPgBackRest(options: PgBackRestOptions, run: PgBackRestRun): Promise<string> {
  const answer = await askPgBackRest(options, run)
  if (answer.code === 0) return answer.out
  const [command = ''] = run.args
  throw failureOf(command, linesOf(answer))
}

/** Whether or not it succeeds. */
export function askPgBackRest(
  { command: file, configFile, stanza, clock }: PgBackRestOptions,
  { args, account, signal, level = 'warn' }: PgBackRestRun,
): Promise<ToolAnswer> {
  const common = [
    `--config=${configFile}`,
    `--stanza=${stanza}`,
    '--log-level-console=off',
    `--log-level-stderr=${level}`,
    '--log-level-file=off',
  ]
  return runTool({ file, args: [...args, ...common], user: account, clock, install, signal })
}

/** '2.45' */
export async function readVersion({ command: file, clock }: PgBackRestOptions): Promise<string> {
  const { out } = await runTool({ file, args: ['version'], user: undefined, clock, install })
  const version = /^pgBackRest (\d+(?:\.\d+)+)/.exec(out)?.[1]
  if (version !== undefined) return version
  throw new StrataError('BACKUP_FAILED', { message: `${file} does not tell its version`, expected: 'pgBackRest 2' })
}

function failureOf(command: string, lines: readonly LogLine[]): StrataError {
  const complaints = lines.filter(({ level }) => level === 'ERROR' || level === 'WARN')
  const errors = complaints.filter(({ level }) => level === 'ERROR')
  const [first] = errors.length > 0 ? errors : complaints
  return new StrataError('BACKUP_FAILED', {
    message: `pgbackrest ${command}: ${first?.text ?? 'it failed, and did not say why'}`,
    notes: complaints
      .filter((complaint) => complaint !== first)
      .slice(0, mostNotes)
      .map(({ text }) => text),
  })
}
