// What has no other place: the command line, the configuration, values, packages.

import { environment, refused, usage, type ErrorEntry } from './entry.ts'

export type GeneralErrorCode =
  | 'INTERNAL'
  | 'USAGE'
  | 'CONFIG_NOT_FOUND'
  | 'CONFIG_UNREADABLE'
  | 'CONFIG_INVALID'
  | 'IDENTIFIER_INVALID'
  | 'VALUE_INVALID'
  | 'SQL_SYNTAX'
  | 'DEPENDENCY_MISSING'
  | 'EMBEDDED_FAILED'
  | 'FILE_EXISTS'
  | 'INTERRUPTED'

export const generalErrors: Readonly<Record<GeneralErrorCode, ErrorEntry>> = {
  INTERNAL: {
    title: 'Something happened that the code holds to be impossible.',
    exit: 1,
    status: 500,
    advice: 'Please report it with the stack; `--verbose` prints it.',
  },
  USAGE: { ...usage, title: 'The command line was not understood.', advice: 'See `pgstrata --help`.' },
  CONFIG_NOT_FOUND: {
    ...usage,
    title: 'There is no configuration file.',
    advice: 'Run `pgstrata init`, or name the file with `--config`.',
  },
  CONFIG_UNREADABLE: {
    ...usage,
    title: 'The configuration file could not be evaluated.',
    advice: 'Mend the file; the message carries the place.',
  },
  CONFIG_INVALID: {
    ...usage,
    title: 'The configuration says something it may not say.',
    advice: 'Mend the paths named; docs/config.md lists every key.',
  },
  IDENTIFIER_INVALID: {
    ...usage,
    title: 'A name cannot be a PostgreSQL identifier.',
    advice: 'Use 1 to 63 bytes without a NUL byte, and pass a schema and a name as two parts.',
  },
  VALUE_INVALID: {
    ...usage,
    title: 'A value does not have the form it must have.',
    advice: 'See what was expected.',
  },
  SQL_SYNTAX: {
    ...usage,
    title: 'A statement does not parse.',
    advice: 'Mend the statement at the line and column named.',
  },
  DEPENDENCY_MISSING: {
    ...environment,
    title: 'An optional package is needed here and is not installed.',
    advice: 'Install it with the command named.',
  },
  EMBEDDED_FAILED: {
    ...environment,
    title: 'The embedded cluster did not come up.',
    advice: 'The last lines of its log say why.',
  },
  FILE_EXISTS: {
    ...refused,
    title: 'A file that would be written is already there.',
    advice: 'Move it away, or name another.',
  },
  INTERRUPTED: {
    exit: 130,
    status: 499,
    title: 'The command was interrupted.',
    advice: 'Run it again to go on.',
  },
}
