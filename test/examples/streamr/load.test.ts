// A mix of what phones, pages and streams ask, at a fixed pace that does not wait for answers, for a few seconds: every request is
// answered as it should be, what was written is there, and afterwards nothing is left over: no client in use, no stream, no listener.

import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { followLive } from 'pgstrata/live-client/node'
import { waitUntil } from '../../support/wait.ts'
import { scaled } from '../../support/property.ts'
import { addNode, addStream, addUser, ask, befriend, useService, type Answer } from './service-support.ts'

const served = useService()
const users: string[] = []

beforeAll(async () => {
  const { db } = served()
  for (let n = 0; n < 10; n++) {
    await addStream(db, `s${n}`, { viewers: n })
    users.push(await addUser(db, `user ${n}`))
  }
  for (let n = 0; n < 200; n++)
    await addNode(db, `n${n}`, {
      stream: `s${n % 10}`,
      owner: users[n % 10] ?? null,
      lat: (n % 120) - 60,
      lon: (n % 300) - 150,
    })
  for (const [n, user] of users.entries()) await befriend(db, user, users[(n + 1) % users.length] ?? user)
})

/** One request of the mix; how often each comes is as it stands here. */
function request(n: number): Promise<Answer> {
  const round = Math.floor(n / 10)
  const as = users[round % users.length]
  const stream = `s${round % 10}`
  const kinds: readonly (() => Promise<Answer>)[] = [
    () => ask(served(), '/streams?fields=stream_id,viewers'),
    () => ask(served(), `/streams/${stream}`),
    () => ask(served(), `/streams/${stream}/nodes?limit=10`),
    () => ask(served(), `/streams/${stream}/earnings`),
    () => ask(served(), `/nodes/n${round % 200}`, { as }),
    () => ask(served(), `/streams/${stream}/comments`),
    () => ask(served(), '/friends/nodes', { as }),
    () => ask(served(), '/geo/nearest?lat=1&lon=1', { as }),
    () => ask(served(), `/streams/${stream}/comments`, { as, method: 'POST', body: { content: `load ${n}` } }),
    () =>
      ask(served(), '/friends/requests', { as, method: 'POST', body: { user_id: users[(round + 3) % users.length] } }),
  ]
  const kind = kinds[n % kinds.length]
  if (kind === undefined) throw new Error('The mix is empty')
  return kind()
}

const everyMs = 10

test('an open-loop load has no errors, and leaves nothing behind', async () => {
  const requests = scaled(300)
  const streams = users.map((user) =>
    followLive({
      url: `${served().url}/live`,
      headers: { 'x-user-id': user },
      subscriptions: [{ topic: { table: 'streams' } }],
      onRefresh: () => undefined,
    }),
  )
  onTestFinished(() => streams.forEach((stream) => stream.close()))
  await waitUntil(() => served().strata.live.status().connections === streams.length, { what: 'the streams are open' })
  const answers: Promise<Answer>[] = []
  const beganMs = performance.now()
  await waitUntil(
    () => {
      const due = Math.min(requests, Math.ceil((performance.now() - beganMs) / everyMs))
      while (answers.length < due) answers.push(request(answers.length))
      return answers.length === requests
    },
    { what: 'all are asked', timeoutMs: requests * everyMs * 20 },
  )
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([200, 201]))
  const { comments } = await served()
    .db.selectFrom('comments')
    .select(({ fn }) => fn.countAll<string>().as('comments'))
    .executeTakeFirstOrThrow()
  expect(Number(comments)).toBe(requests / 10)
  for (const stream of streams) stream.close()
  const { pool, live } = served().strata
  await waitUntil(() => live.status().connections === 0, { what: 'the streams are gone' })
  await waitUntil(() => pool.totalCount === pool.idleCount && pool.waitingCount === 0, { what: 'every client is back' })
  expect(pool.totalCount).toBeLessThanOrEqual(20)
  expect(served().lines).toEqual([])
})
