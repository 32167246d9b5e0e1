#!/usr/bin/env node
// The command's entry: the one place that touches `process`.

import { createInterface } from 'node:readline/promises'
import { reportError } from './output.ts'
import type { CliContext } from './context.ts'
import { runCli } from './program.ts'

const stopping = new AbortController()
let interrupts = 0
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupts++
    stopping.abort()
    // Somebody who presses Ctrl-C three times means it.
    if (interrupts >= 3) process.exit(130)
  })
}
// A reader that went away (`| head`) is no error.
process.stdout.on('error', () => process.exit(0))
process.stderr.on('error', () => undefined)

const context: CliContext = {
  cwd: process.cwd(),
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  input: readInput,
  ask: process.stdin.isTTY && process.stdout.isTTY ? ask : undefined,
  isTerminal: process.stderr.isTTY,
  colours: process.stdout.isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb',
  screen: () => (process.stdout.isTTY ? { columns: process.stdout.columns, rows: process.stdout.rows } : undefined),
  keys: process.stdin.isTTY ? listenToKeys : undefined,
  signal: stopping.signal,
}

/** Without it a key is heard only behind Enter. Ctrl-C comes as a key then. */
function listenToKeys(listener: (key: string) => void): () => void {
  const { stdin } = process
  const hear = (data: Buffer): void => {
    const key = data.toString('utf8')
    if (key === '\u0003') stopping.abort()
    else listener(key)
  }
  stdin.setRawMode(true).resume().on('data', hear)
  return () => void stdin.off('data', hear).setRawMode(false).pause()
}

async function readInput(): Promise<string> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const part of process.stdin) text += part as string
  return text
}

async function ask(question: string): Promise<string> {
  const asking = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await asking.question(question, { signal: stopping.signal })
  } finally {
    asking.close()
  }
}

process.exitCode = await runCli(process.argv.slice(2), context).catch((error: unknown) =>
  reportError(context, error, {}),
)
