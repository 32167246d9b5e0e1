// What the first requests would otherwise wait for, done before a service listens: connections, statements that each of them prepares, pages
// of the database, code that the runtime compiles when it has run often. Asked over connections within the process, so by the same
// way as a client's requests. Whether the database answers is for /health/ready to say: a failure is told, and the service starts.
// Nobody waits for it longer than its time: a statement that waits for a lock must not keep the service from those who need no such.

import { request } from 'node:http'
import { duplexPair } from 'node:stream'
import type { App } from './app.ts'

export interface WarmRequest {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface WarmOptions {
  readonly read: () => Promise<readonly WarmRequest[]>
  /** Is told of a failure. Default: standard error. */
  readonly log?: ((line: string) => void) | undefined
}

/** So often each is asked, all of them at once: by then each connection of the pool has met each statement. */
const rounds = 12
const longestMs = 5_000

/** Returns the statuses of the answers that came in time. */
export async function warm(app: App, { read, log = toStderr }: WarmOptions): Promise<readonly number[]> {
  const statuses: number[] = []
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, longestMs)))
  const asking = askAll(app, read, statuses).catch((error: unknown) => {
    log(`The service starts without being warm: ${error instanceof Error ? error.message : String(error)}`)
  })
  await Promise.race([asking, late])
  clearTimeout(timer)
  return statuses
}

async function askAll(app: App, read: WarmOptions['read'], statuses: number[]): Promise<void> {
  const requests = await read()
  await app.ready()
  for (let round = 0; round < rounds; round++) {
    // Each round its own URLs, or the second would be answered by what is kept of the first.
    const mark = '&'.repeat(round + 1)
    const answers = await Promise.all(requests.map(async (one) => await ask(app, { ...one, url: `${one.url}${mark}` })))
    statuses.push(...answers)
  }
}

async function ask(app: App, { url, headers = {} }: WarmRequest): Promise<number> {
  const [ours, theirs] = duplexPair()
  app.server.emit('connection', theirs)
  return await new Promise<number>((resolve, reject) => {
    const asked = request({ path: url, headers, createConnection: () => ours }, (answer) => {
      answer.resume()
      answer.once('end', () => resolve(answer.statusCode ?? 0))
      answer.once('error', reject)
    })
    asked.once('error', reject)
    asked.end()
  }).finally(() => ours.destroy())
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`)
}
