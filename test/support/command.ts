// The command in this process: as fast as a call, with what it says and its exit code.

import { onTestFinished } from 'vitest'
import { runCli } from '../../src/cli/program.ts'

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Called {
  /** When it has ended. */
  readonly code: Promise<number>
  /** So far. */
  readonly out: () => string
  readonly err: () => string
  /** As by Ctrl-C. */
  end(): Promise<number>
}

export async function command(cwd: string, ...args: readonly string[]): Promise<Said> {
  const { code, out, err } = begin(cwd, args, new AbortController().signal)
  return { code: await code, out: out(), err: err() }
}

/** One that runs until it is told to end, which is when the test has finished at the latest. */
export function call({ dir }: { readonly dir: string }, args: readonly string[]): Called {
  const stopping = new AbortController()
  const begun = begin(dir, args, stopping.signal)
  const end = (): Promise<number> => {
    stopping.abort()
    return begun.code
  }
  onTestFinished(async () => void (await end().catch(() => undefined)))
  return { ...begun, end }
}

function begin(cwd: string, args: readonly string[], signal: AbortSignal): Omit<Called, 'end'> {
  let out = ''
  let err = ''
  const code = runCli(args, {
    cwd,
    env: {},
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    ask: undefined,
    isTerminal: false,
    colours: false,
    screen: () => undefined,
    keys: undefined,
    signal,
  })
  return { code, out: () => out, err: () => err }
}
