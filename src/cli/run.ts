// How a command is registered: its action's result is the exit code.

import type { Command } from 'commander'
import type { GlobalOptions } from './context.ts'

export type Run = (
  command: Command,
  action: (options: GlobalOptions & Record<string, unknown>, args: string[]) => Promise<number>,
) => void
