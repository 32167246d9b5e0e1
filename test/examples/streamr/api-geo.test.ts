// Friends on the map over HTTP, on the embedded server; and what is answered where a database can reckon no distances.

import { beforeAll, expect, test } from 'vitest'
import { sql } from 'kysely'
import { openService } from '../../../examples/streamr/src/service.ts'
import { addNode, addStream, addUser, ask, befriend, testConfig, useService } from './service-support.ts'

const served = useService()
let me = ''
let lonely = ''

beforeAll(async () => {
  const { db } = served()
  await addStream(db, 'music')
  me = await addUser(db, 'me')
  lonely = await addUser(db, 'lonely')
  for (const [name, lat, lon] of [
    ['Berlin', 52.52, 13.405],
    ['Hamburg', 53.55, 9.993],
    ['Suva', -18.14, 178.44],
  ] as const) {
    const friend = await addUser(db, name)
    await befriend(db, me, friend)
    await addNode(db, `node-${name}`, { stream: 'music', owner: friend, lat, lon })
  }
})

test('the nearest friends come first, as many as were asked for', async () => {
  const { body } = await ask(served(), '/geo/nearest?lat=52.5&lon=13.4&limit=2&fields=display_name,distance_m', {
    as: me,
  })
  expect(body['friends']).toEqual([
    { display_name: 'Berlin', distance_m: 2_249.5 },
    { display_name: 'Hamburg', distance_m: 255_994.6 },
  ])
})

test('within a radius, across the date line too', async () => {
  const names = async (query: string): Promise<unknown> =>
    (await ask(served(), `/geo/within?${query}&fields=node_id`, { as: me })).body['nodes']
  expect(await names('lat=53&lon=11&km=300')).toEqual([{ node_id: 'node-Hamburg' }, { node_id: 'node-Berlin' }])
  expect(await names('lat=-18&lon=-179&km=300')).toEqual([{ node_id: 'node-Suva' }])
  expect(await names('lat=0&lon=0&km=1')).toEqual([])
  expect(await names('lat=5e-324&lon=-5e-324&km=1')).toEqual([])
})

test('who has no friends sees nobody', async () => {
  expect((await ask(served(), '/geo/nearest?lat=0&lon=0', { as: lonely })).body).toEqual({ friends: [] })
})

test('without PostGIS and earthdistance it is 501, and all else goes on', async () => {
  const { db, database } = served()
  await sql`drop extension earthdistance, cube cascade`.execute(db)
  const other = await openService({ config: testConfig(database.url), port: 0, background: false })
  try {
    const answer = await ask(other, '/geo/nearest?lat=0&lon=0', { as: me })
    expect([answer.status, answer.body.error?.code]).toEqual([501, 'NO_GEO'])
    expect((await ask(other, '/friends/nodes?fields=lat', { as: me })).status).toBe(200)
  } finally {
    await other.close()
  }
})
