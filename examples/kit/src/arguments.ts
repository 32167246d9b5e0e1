// The words after a command, as node:util reads them, with refusals that a person can act on.

import { parseArgs } from 'node:util'
import { KitError } from './kit-error.ts'

export type ArgumentValues = Readonly<Record<string, string | boolean | undefined>>

export interface CommandOptions {
  readonly usage: string
  readonly options: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>
  /** Default: those of the process. */
  readonly words?: readonly string[]
}

/** undefined: --help was asked for, and told. */
export function readArguments({ usage, options, words }: CommandOptions): ArgumentValues | undefined {
  try {
    const parsed = parseArgs({
      options: { ...options, help: { type: 'boolean' } },
      strict: true,
      ...(words === undefined ? {} : { args: [...words] }),
    })
    const values: ArgumentValues = { ...parsed.values }
    if (values['help'] !== true) return values
    process.stdout.write(`${usage}\n`)
    return undefined
  } catch (error) {
    throw new KitError(`${error instanceof Error ? error.message : String(error)}\n→ ${usage}`, { cause: error })
  }
}

export function numberOf(
  values: ArgumentValues,
  name: string,
  { usual, least, most }: { readonly usual: number; readonly least: number; readonly most: number },
): number {
  const given = values[name]
  if (given === undefined) return usual
  const number = Number(given)
  if (number >= least && number <= most) return number
  throw new KitError(`--${name}: expected a number from ${least} to ${most}, got ${String(given)}`)
}
