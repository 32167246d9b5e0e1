// npm run serve of an app: its service on a database that is deployed, until Ctrl-C or SIGTERM, closed in order.

import type { Logger } from 'pgstrata'
import { runCommand, tell, untilStopped } from './command.ts'
import { createLogger } from './logger.ts'

export interface Served {
  readonly url: string
  close(): Promise<void>
}

export async function runServe(open: (logger: Logger) => Promise<Served>): Promise<void> {
  await runCommand(async (signal, atEnd) => {
    const service = await open(createLogger())
    atEnd(() => service.close())
    tell(service.url)
    await untilStopped(signal)
  })
}
