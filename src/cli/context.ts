// What a command may touch of the outside: handed in by main.ts, so that commands run in tests as they run in a shell.

import { styleText } from 'node:util'

export interface CliContext {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Standard output: results. */
  readonly out: (text: string) => void
  /** Standard error: progress, warnings, errors. */
  readonly err: (text: string) => void
  /** Standard input, to its end; undefined where there is none. */
  readonly input?: () => Promise<string>
  /** Asks a person; undefined where nobody can be asked. */
  readonly ask: ((question: string) => Promise<string>) | undefined
  /** Standard error is a terminal: progress may be redrawn. */
  readonly isTerminal: boolean
  /** Standard output takes colours. */
  readonly colours: boolean
  /** Of the terminal that standard output is, now; undefined: it is none. */
  readonly screen: () => { readonly columns: number; readonly rows: number } | undefined
  /** Keys as they are pressed, until what is returned is called; undefined where there is no keyboard. */
  readonly keys: ((listener: (key: string) => void) => () => void) | undefined
  readonly signal: AbortSignal
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export function paint(context: CliContext, style: Style, text: string): string {
  return context.colours ? styleText(style, text, { validateStream: false }) : text
}

/** Options every command has. */
export interface GlobalOptions {
  readonly config?: string
  readonly json?: boolean
  readonly verbose?: boolean
}
