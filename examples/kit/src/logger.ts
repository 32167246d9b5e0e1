// What a process of the service says while it runs: a line each, on standard error.

import type { Logger } from 'pgstrata'

export function createLogger(): Logger {
  const say =
    (level: string) =>
    (message: string, fields?: Readonly<Record<string, unknown>>): void => {
      const more = fields === undefined ? '' : ` ${JSON.stringify(fields)}`
      process.stderr.write(`${new Date().toISOString()} ${level} ${message}${more}\n`)
    }
  return { debug: () => undefined, info: say('info'), warn: say('warn') }
}
