// Asking for a move: noted for the job, answered at once, refused where it cannot be; and who may.

import { expect, test } from 'vitest'
import { StrataError } from '../../src/base/errors.ts'
import { bearer, guarded, manageToken, readToken, serve } from './support.ts'
import { archive, backups, tiered } from './tiers-support.ts'

const path = '/api/tiers/plays/plays_2026_01/move'
const ask = (url: string, token: string, body: object): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    headers: { ...bearer(token), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

test('a move is noted for the job, and audited', async () => {
  const requested: string[] = []
  const tiers = {
    status: async () => [],
    request: async (...what: readonly string[]) => void requested.push(what.join(' ')),
  }
  const { url, audited } = await serve({ tokens: guarded }, { tiers })
  const answer = await ask(url, manageToken, { what: 'pack' })
  expect([answer.status, await answer.json()]).toEqual([
    202,
    { table: 'plays', partition: 'plays_2026_01', what: 'pack' },
  ])
  expect(requested).toEqual(['plays plays_2026_01 pack'])
  expect(audited).toMatchObject([{ action: 'POST /api/tiers/:table/:partition/move', outcome: 'done' }])
})

test('who may only read, and who asks for what there is not, is refused', async () => {
  const request = async (): Promise<void> => {
    throw new StrataError('TIER_STATE', { message: 'Partition p is moved already', got: 'state "pack:building"' })
  }
  const { url } = await serve({ tokens: guarded }, { tiers: { status: async () => [], request } })
  expect((await ask(url, readToken, { what: 'pack' })).status).toBe(403)
  const strange = await ask(url, manageToken, { what: 'forget' })
  expect([strange.status, await strange.json()]).toMatchObject([400, { error: { code: 'VALUE_INVALID' } }])
  const busy = await ask(url, manageToken, { what: 'pack' })
  expect(await busy.json()).toMatchObject({ error: { code: 'TIER_STATE' } })
})

test('what is told says what is wrong, and nothing of where files are', async () => {
  const { url } = await serve(
    {},
    {
      tiers: { status: async () => [tiered], request: async () => undefined },
      archives: async () => [archive],
      backup: { status: async () => backups },
    },
  )
  const get = async (of: string): Promise<unknown> => await (await fetch(url + of)).json()
  expect(await get('/api/tiers')).toMatchObject({
    tables: [
      {
        key: 'plays',
        partitions: [{ name: 'p', tier: 'packed', next: { move: 'archive', on: '2026-11-22T00:00:00.000Z' } }],
        findings: [{ what: 'w', todo: 'a' }],
      },
    ],
  })
  const archives = await get('/api/archives')
  expect(archives).toMatchObject({ archives: [{ id: '7', rows: 1_000, state: 'verified', failed: true }] })
  expect(JSON.stringify(archives)).not.toMatch(/hunter2|s3:/)
  expect(await get('/api/backups')).toMatchObject({ declared: true, newest: { kind: 'full' }, verifiedAgeMs: null })
})

test('without a backup that is declared nothing is known of any', async () => {
  const { url } = await serve()
  expect(await (await fetch(`${url}/api/backups`)).json()).toMatchObject({ declared: false, newest: null })
})
