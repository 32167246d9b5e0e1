// The command in this process: as fast as a call, with what it says and its exit code.

import { runCli } from '../../src/cli/program.ts'

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

export async function command(cwd: string, ...args: readonly string[]): Promise<Said> {
  let out = ''
  let err = ''
  const code = await runCli(args, {
    cwd,
    env: {},
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    ask: undefined,
    isTerminal: false,
    colours: false,
    screen: () => undefined,
    keys: undefined,
    signal: new AbortController().signal,
  })
  return { code, out, err }
}
