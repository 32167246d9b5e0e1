// What the first requests would otherwise wait for, done before a service listens: connections, statements that are prepared, pages of the
// database, code that the runtime compiles when it has run. On failure nothing: whether the database answers is for /health/ready to say.
// Nobody waits for it longer than its time: a statement that waits for a lock must not keep the service from those who need no such.

import type { App } from './app.ts'

export interface WarmRequest {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Each request is made so often, all of them at once: so they meet on as many connections as a busy service has. */
const rounds = 3
const longestMs = 5_000

export async function warm(app: App, read: () => Promise<readonly WarmRequest[]>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, longestMs)))
  const asking = ask(app, read).catch(() => undefined)
  await Promise.race([asking, late])
  clearTimeout(timer)
}

async function ask(app: App, read: () => Promise<readonly WarmRequest[]>): Promise<void> {
  const requests = await read()
  for (let round = 0; round < rounds; round++) {
    // Each round its own URLs, or the second would be answered by what is kept of the first.
    const mark = '&'.repeat(round + 1)
    await Promise.all(requests.map(({ url, headers = {} }) => app.inject({ url: `${url}${mark}`, headers })))
  }
}
