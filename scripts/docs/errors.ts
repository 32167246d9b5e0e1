// docs/errors.md, from the table of errors.

import type { ErrorCode, ErrorEntry } from '../../src/base/error-table.ts'

/** Every exit code there is, errors or not. A code of the table that is not here is a mistake. */
const exitCodes: Readonly<Record<number, string>> = {
  0: 'Done.',
  1: 'A fault of pgstrata itself.',
  2: 'Nothing went wrong, and there is something to do: `plan` and `deploy` have something left, `migrate status` has migrations that are not applied, `backup init` has settings to make, `rollup verify` found a difference, `suggest` an obstacle.',
  3: 'What was asked for cannot be understood: the command line, the configuration, a value.',
  4: 'The database is not reachable, or not fit for the work.',
  5: 'Refused: going on would do harm. Nothing was changed.',
  6: 'The work failed on the way. What was done stays; the command goes on from there.',
  7: 'Somebody else holds a lock. The same command may succeed later.',
  8: 'The machine lacks something: a package, a server that starts.',
  130: 'Interrupted (Ctrl-C, SIGTERM).',
}

type Row = readonly [code: string, entry: ErrorEntry]

export function renderErrorDocs(table: Readonly<Record<ErrorCode, ErrorEntry>>): string {
  const rows: Row[] = Object.entries(table)
  const unknown = rows.find(([, { exit }]) => exitCodes[exit] === undefined)
  if (unknown !== undefined)
    throw new Error(`scripts/docs/errors.ts does not say what exit code ${unknown[1].exit} means`)
  const groups = Object.entries(exitCodes).flatMap(([exit, meaning]) => {
    const own = rows.filter(([, entry]) => entry.exit === Number(exit))
    return own.length === 0 ? [] : [`## Exit code ${exit}\n\n${meaning}\n\n${own.map(renderError).join('\n')}`]
  })
  return `${head}\n${exitTable()}\n${groups.join('\n')}`
}

const head = `<!-- Written by \`npm run docs\` from src/base/error-table.ts. Do not edit. -->
# Errors

Everything that goes wrong leaves pgstrata as a \`StrataError\` with one of the codes below. Programs look at the code, never at
the message; shell scripts look at the exit code. With \`--json\` the command prints the error as a document, and the HTTP
status is the one that it has where it leaves through the server.

\`\`\`ts
import { StrataError } from 'pgstrata'

export function isBusy(error: unknown): boolean {
  return error instanceof StrataError && error.exitCode === 7
}
\`\`\`
`

function exitTable(): string {
  const rows = Object.entries(exitCodes).map(([exit, meaning]) => `| ${exit} | ${meaning} |`)
  return ['| exit code | meaning |', '|---|---|', ...rows, ''].join('\n')
}

function renderError([code, { title, status, advice }]: Row): string {
  return `### ${code}\n\n${title} *(HTTP ${status})*\n\n→ ${advice}\n`
}
