// The end of a server: listening ends, what is under way is finished within its grace, streams are told to go.

import { expect, test } from 'vitest'
import type { LiveShape } from '../../src/http/live.ts'
import { serve } from './support.ts'

const query = `?topics=${encodeURIComponent('[{"table":"item"}]')}`

test('what is under way is finished, and nothing new is taken', async () => {
  let finish: (() => void) | undefined
  const { url, server } = await serve(
    {},
    { rollups: { status: () => new Promise((resolve) => (finish = () => resolve([]))) } },
  )
  const answer = fetch(`${url}/api/rollups`)
  while (finish === undefined) await fetch(`${url}/health/live`)
  const closing = server.close()
  await expect(fetch(`${url}/health/live`)).rejects.toThrow('fetch failed')
  finish()
  expect((await answer).status).toBe(200)
  await closing
  await server.close()
})

test('what does not finish is ended when its grace is over', async () => {
  let isAsked = false
  const { url, server } = await serve(
    { graceMs: 100 },
    { rollups: { status: () => new Promise(() => (isAsked = true)) } },
  )
  const answer = fetch(`${url}/api/rollups`).then(
    () => 'answered',
    () => 'ended',
  )
  while (!isAsked) await fetch(`${url}/health/live`)
  await server.close()
  expect(await answer).toBe('ended')
})

test('streams are told to go, and count for nothing of the grace', async () => {
  const closed: string[] = []
  const live: LiveShape<unknown> = {
    check: () => undefined,
    open: ({ sink }) => {
      sink.write(Buffer.from('event: ready\ndata: {}\n\n'))
      return { drained: () => undefined, close: () => void closed.push('closed') }
    },
  }
  const { url, server } = await serve({ graceMs: 30_000 }, { live })
  const response = await fetch(url + '/stream' + query)
  expect(response.headers.get('content-type')).toMatch('text/event-stream')
  const text = response.text()
  await server.close()
  expect(await text).toMatch(/^retry: \d+\n\nevent: ready\ndata: \{\}\n\n$/)
  expect(closed).toEqual(['closed'])
}, 10_000)

test('a stream without live events is refused as everything else is', async () => {
  const { url } = await serve()
  const response = await fetch(url + '/stream' + query)
  expect([response.status, await response.json()]).toMatchObject([501, { error: { code: 'HTTP_NOT_CONFIGURED' } }])
})

test('a port that is taken is told, with what to do', async () => {
  const { port } = await serve()
  await expect(serve({ port })).rejects.toMatchObject({
    code: 'SERVER_FAILED',
    message: expect.stringContaining(String(port)) as string,
  })
})
