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
  ask: process.stdin.isTTY && process.stdout.isTTY ? ask : undefined,
  isTerminal: process.stderr.isTTY,
  colours: process.stdout.isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb',
  signal: stopping.signal,
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
