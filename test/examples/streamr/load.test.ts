// A load of what phones, pages and streams ask, for a few seconds: every request is answered as it should be, what was written is there,
// and nothing is left over.

import { beforeAll, expect, test } from 'vitest'
import { scaled } from '../../support/property.ts'
import { runLoad } from '../support/load.ts'
import { addNode, addStream, addUser, ask, befriend, useService } from './service-support.ts'

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

const userOf = (round: number): string | undefined => users[round % users.length]
const streamOf = (round: number): string => `/streams/s${round % 10}`

test('an open-loop load has no errors, and leaves nothing behind', async () => {
  const requests = scaled(300)
  const on = served()
  const by = (round: number, body: unknown) => ({ as: userOf(round), body })
  /** How often each comes is as it stands here. */
  const mix = [
    () => ask(on, '/streams?fields=stream_id,viewers'),
    (round: number) => ask(on, streamOf(round)),
    (round: number) => ask(on, `${streamOf(round)}/nodes?limit=10`),
    (round: number) => ask(on, `${streamOf(round)}/earnings`),
    (round: number) => ask(on, `/nodes/n${round % 200}`, { as: userOf(round) }),
    (round: number) => ask(on, `${streamOf(round)}/comments`),
    (round: number) => ask(on, '/friends/nodes', { as: userOf(round) }),
    (round: number) => ask(on, '/geo/nearest?lat=1&lon=1', { as: userOf(round) }),
    (round: number) => ask(on, `${streamOf(round)}/comments`, by(round, { content: `load ${round}` })),
    (round: number) => ask(on, '/friends/requests', by(round, { user_id: userOf(round + 3) })),
  ]
  const check = async (): Promise<void> => {
    const { comments } = await on.db
      .selectFrom('comments')
      .select(({ fn }) => fn.countAll<string>().as('comments'))
      .executeTakeFirstOrThrow()
    expect(Number(comments)).toBe(requests / mix.length)
  }
  const streams = users.map((user) => ({ 'x-user-id': user }))
  await runLoad(on, { requests, mix, streams, topic: { table: 'streams' }, check })
})
