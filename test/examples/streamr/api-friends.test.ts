// Friends over HTTP: what every action does in every state, as both see it; two who act at once; what lists show to whom.

import { beforeAll, describe, expect, test } from 'vitest'
import { rowsOf, stateOf, transitions, type Action, type State } from '../../../examples/streamr/src/friends/states.ts'
import { addNode, addStream, addUser, ask, useService, walk, type Answer } from './service-support.ts'

const served = useService()
const states = Object.keys(transitions) as readonly State[]
const actions = ['request', 'accept', 'decline', 'block', 'remove'] as const

/** The same, from the other side. */
const mirrored: Readonly<Record<State, State>> = {
  none: 'none',
  outgoing: 'incoming',
  incoming: 'outgoing',
  friends: 'friends',
  'declined-by-me': 'declined-by-them',
  'declined-by-them': 'declined-by-me',
  'blocked-by-me': 'blocked-by-them',
  'blocked-by-them': 'blocked-by-me',
  'blocked-by-both': 'blocked-by-both',
}

const expected: Readonly<Record<State, Readonly<Record<Action, State | number>>>> = {
  none: { request: 'outgoing', accept: 404, decline: 404, block: 'blocked-by-me', remove: 404 },
  outgoing: { request: 'outgoing', accept: 403, decline: 403, block: 'blocked-by-me', remove: 'none' },
  incoming: {
    request: 'friends',
    accept: 'friends',
    decline: 'declined-by-me',
    block: 'blocked-by-me',
    remove: 'declined-by-me',
  },
  friends: { request: 'friends', accept: 'friends', decline: 409, block: 'blocked-by-me', remove: 'none' },
  'declined-by-me': {
    request: 'outgoing',
    accept: 404,
    decline: 'declined-by-me',
    block: 'blocked-by-me',
    remove: 'none',
  },
  'declined-by-them': { request: 403, accept: 404, decline: 404, block: 'blocked-by-me', remove: 404 },
  'blocked-by-me': { request: 409, accept: 409, decline: 409, block: 'blocked-by-me', remove: 'none' },
  'blocked-by-them': { request: 403, accept: 404, decline: 404, block: 'blocked-by-both', remove: 404 },
  'blocked-by-both': { request: 409, accept: 409, decline: 409, block: 'blocked-by-both', remove: 'blocked-by-them' },
}

let me = ''
let other = ''

beforeAll(async () => {
  me = await addUser(served().db, 'me')
  other = await addUser(served().db, 'other')
})

async function put(state: State): Promise<void> {
  const { db } = served()
  await db.deleteFrom('friendships').execute()
  const { mine, theirs } = rowsOf(state, { mine: undefined, theirs: undefined })
  if (mine !== undefined)
    await db.insertInto('friendships').values({ user_id: me, friend_id: other, status: mine }).execute()
  if (theirs !== undefined)
    await db.insertInto('friendships').values({ user_id: other, friend_id: me, status: theirs }).execute()
}

async function read(of: string, with_: string): Promise<State> {
  const rows = await served().db.selectFrom('friendships').selectAll().execute()
  return stateOf({
    mine: rows.find((row) => row.user_id === of && row.friend_id === with_)?.status,
    theirs: rows.find((row) => row.user_id === with_ && row.friend_id === of)?.status,
  })
}

function doIt(action: Action, as: string, to: string): Promise<Answer> {
  if (action === 'request') return ask(served(), '/friends/requests', { as, method: 'POST', body: { user_id: to } })
  if (action === 'remove') return ask(served(), `/friends/${to}`, { as, method: 'DELETE' })
  return ask(served(), `/friends/requests/${to}/${action}`, { as, method: 'POST' })
}

test.each(states)('%s is kept as rows, and read from them again, from either side', (state) => {
  const rows = rowsOf(state, { mine: undefined, theirs: undefined })
  expect(stateOf(rows)).toBe(state)
  expect(stateOf({ mine: rows.theirs, theirs: rows.mine })).toBe(mirrored[state])
})

describe.each(states)('%s', (state) => {
  test.each(actions)('%s', async (action) => {
    await put(state)
    const wanted = expected[state][action]
    const { status, body } = await doIt(action, me, other)
    const next = typeof wanted === 'number' ? state : wanted
    expect(status, JSON.stringify(body)).toBe(typeof wanted === 'number' ? wanted : action === 'request' ? 201 : 200)
    expect([await read(me, other), await read(other, me)]).toEqual([next, mirrored[next]])
  })
})

test('who was declined and who was blocked are told the same, and neither reason', async () => {
  const told: unknown[] = []
  for (const state of ['declined-by-them', 'blocked-by-them'] as const) {
    await put(state)
    told.push((await doIt('request', me, other)).body)
  }
  expect(told[0]).toEqual(told[1])
  expect(JSON.stringify(told)).not.toMatch(/block|declin/)
})

test('two who ask each other at once are friends, by one row', async () => {
  for (let round = 0; round < 10; round++) {
    await put('none')
    const answers = await Promise.all([doIt('request', me, other), doIt('request', other, me)])
    expect(answers.map(({ status }) => status)).toEqual([201, 201])
    expect(await read(me, other)).toBe('friends')
    expect(await served().db.selectFrom('friendships').selectAll().execute()).toHaveLength(1)
  }
})

test('an acceptance and a withdrawal at once end in one of the two', async () => {
  for (let round = 0; round < 10; round++) {
    await put('incoming')
    const [accepted, withdrawn] = await Promise.all([doIt('accept', me, other), doIt('remove', other, me)])
    const state = await read(me, other)
    // Accepted first, it is ended; withdrawn first, there is nothing to accept.
    expect(state).toBe('none')
    expect(withdrawn.status).toBe(200)
    expect([200, 404]).toContain(accepted.status)
  }
})

test('nobody befriends themselves, or somebody who is not there', async () => {
  expect((await doIt('request', me, me)).status).toBe(400)
  expect((await doIt('request', me, '00000000-0000-4000-8000-000000000000')).status).toBe(404)
})

test('each list shows its own, and who declined or blocked looks like nothing happened', async () => {
  const lists = async (as: string): Promise<Readonly<Record<string, number>>> => {
    const counts: Record<string, number> = {}
    for (const state of ['friends', 'incoming', 'outgoing', 'declined', 'blocked']) {
      const { body } = await ask(served(), `/friends?state=${state}`, { as })
      counts[state] = (body['friends'] as readonly unknown[]).length
    }
    return counts
  }
  const none = { friends: 0, incoming: 0, outgoing: 0, declined: 0, blocked: 0 }
  const seen: Readonly<Record<State, object>> = {
    none,
    outgoing: { ...none, outgoing: 1 },
    incoming: { ...none, incoming: 1 },
    friends: { ...none, friends: 1 },
    'declined-by-me': { ...none, declined: 1 },
    'declined-by-them': { ...none, outgoing: 1 },
    'blocked-by-me': { ...none, blocked: 1 },
    'blocked-by-them': none,
    'blocked-by-both': { ...none, blocked: 1 },
  }
  for (const state of states) {
    await put(state)
    expect(await lists(me), state).toEqual(seen[state])
  }
})

test('friends come in pages, and so do their nodes, with and without a place', async () => {
  const { db } = served()
  await put('none')
  await addStream(db, 'stream')
  const friends: string[] = []
  for (let n = 0; n < 7; n++) {
    const friend = await addUser(db, `friend ${n}`)
    friends.push(friend)
    await db.insertInto('friendships').values({ user_id: friend, friend_id: me, status: 'ACCEPTED' }).execute()
    await addNode(db, `node-${n}`, {
      stream: 'stream',
      owner: friend,
      lat: n === 0 ? null : n,
      lon: n === 0 ? null : n,
    })
  }
  await addNode(db, 'of-a-stranger', { stream: 'stream', owner: await addUser(db, 'a stranger'), lat: 1, lon: 1 })
  const keysOf = async (path: string, list: string, key: string): Promise<unknown[]> =>
    (await walk(served(), path, { list, as: me })).map((row) => row[key])
  expect(await keysOf('/friends?limit=3', 'friends', 'user_id')).toEqual(friends.toSorted())
  expect(await keysOf('/friends/nodes?limit=3', 'nodes', 'node_id')).toEqual(friends.map((_, n) => `node-${n}`))
  const { body } = await ask(served(), '/friends/nodes?limit=1&fields=node_id,lat,status', { as: me })
  expect(body['nodes']).toEqual([{ node_id: 'node-0', lat: null, status: 'ACTIVE' }])
})
