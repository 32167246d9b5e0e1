// A mix of requests at a fixed pace that does not wait for answers, while streams are open: every request is answered as it should be,
// and afterwards nothing is left over: no client in use, no stream.

import { expect, onTestFinished } from 'vitest'
import type { Strata, TopicSpec } from 'pgstrata'
import { followLive } from 'pgstrata/live-client/node'
import { waitUntil } from '../../support/wait.ts'
import type { Answer } from './ask.ts'

export interface Loaded {
  readonly url: string
  readonly strata: Pick<Strata, 'live' | 'pool'>
  /** What the log was told. */
  readonly lines: readonly string[]
}

export interface LoadOptions {
  readonly requests: number
  /** They come one after the other, over and over. The round counts from 0. */
  readonly mix: readonly ((round: number) => Promise<Answer>)[]
  /** One is open for each, with these headers. */
  readonly streams: readonly Readonly<Record<string, string>>[]
  readonly topic: TopicSpec
  /** Once all are answered, while the streams are open. */
  readonly check: () => Promise<void>
}

const everyMs = 10

export async function runLoad(served: Loaded, { requests, mix, streams, topic, check }: LoadOptions): Promise<void> {
  const { pool, live } = served.strata
  const open = streams.map((headers) =>
    followLive({ url: `${served.url}/live`, headers, subscriptions: [{ topic }], onRefresh: () => undefined }),
  )
  onTestFinished(() => open.forEach((stream) => stream.close()))
  await waitUntil(() => live.status().connections === open.length, { what: 'the streams are open' })
  const answers = await askAtPace(requests, mix)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 201]))
  await check()
  for (const stream of open) stream.close()
  await waitUntil(() => live.status().connections === 0, { what: 'the streams are gone' })
  await waitUntil(() => pool.totalCount === pool.idleCount && pool.waitingCount === 0, { what: 'every client is back' })
  expect(pool.totalCount).toBeLessThanOrEqual(20)
  expect(served.lines).toEqual([])
}

async function askAtPace(requests: number, mix: LoadOptions['mix']): Promise<readonly Answer[]> {
  const answers: Promise<Answer>[] = []
  const beganMs = performance.now()
  const askDue = (): boolean => {
    const due = Math.min(requests, Math.ceil((performance.now() - beganMs) / everyMs))
    while (answers.length < due) {
      const n = answers.length
      const next = mix[n % mix.length]
      if (next === undefined) throw new Error('The mix is empty')
      answers.push(next(Math.floor(n / mix.length)))
    }
    return answers.length === requests
  }
  await waitUntil(askDue, { what: 'all are asked', timeoutMs: requests * everyMs * 20 })
  return await Promise.all(answers)
}
