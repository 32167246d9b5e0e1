// What a service asks of itself before it listens: over connections as a client's are, often, and never twice by the same URL. What
// fails there is told, and keeps no service from starting.

import { expect, test } from 'vitest'
import { createApp, warm } from '../../../examples/kit/src/index.ts'

test('each request is asked in every round, by a URL of its own, with its headers, before the service listens', async () => {
  const app = createApp()
  const asked: (readonly [string, unknown])[] = []
  app.get('/one', async (request) => {
    asked.push([request.url, request.headers['x-user-id']])
    return await Promise.resolve({ one: 1 })
  })
  const statuses = await warm(app, {
    read: async () => await Promise.resolve([{ url: '/one?', headers: { 'x-user-id': 'ada' } }, { url: '/none?' }]),
  })
  expect(app.server.listening).toBe(false)
  expect(asked.length).toBeGreaterThan(3)
  expect(new Set(asked.map(([url]) => url)).size).toBe(asked.length)
  expect(new Set(asked.map(([, user]) => user))).toEqual(new Set(['ada']))
  expect(statuses.filter((status) => status === 200)).toHaveLength(asked.length)
  expect(statuses.filter((status) => status === 404)).toHaveLength(asked.length)
  await app.close()
})

test('a failure is told, and nothing more comes of it', async () => {
  const app = createApp()
  const lines: string[] = []
  const statuses = await warm(app, {
    read: async () => await Promise.reject(new Error('no database')),
    log: (line) => lines.push(line),
  })
  expect(statuses).toEqual([])
  expect(lines).toEqual(['The service starts without being warm: no database'])
  await app.close()
})
