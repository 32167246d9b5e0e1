// Events out of bytes, wherever they are cut and however their lines end.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SseReader, type SseEvent } from '../../src/live-client/sse-reader.ts'
import { checkProperty } from '../support/property.ts'

const read = (reader: SseReader, ...chunks: readonly (string | Uint8Array)[]): SseEvent[] =>
  chunks.flatMap((chunk) => [...reader.read(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)])

test('comments, unknown fields and events without data are nothing, but their ids count', () => {
  const reader = new SseReader()
  expect(read(reader, ':\nfoo: bar\nid: 5\n\n', 'event: a\ndata: x\ndata:y\n\n', 'retry: 70\nretry: x\n\n')).toEqual([
    { name: 'a', data: 'x\ny' },
  ])
  expect([reader.lastEventId, reader.retryMs]).toEqual(['5', 70])
})

test('what was cut off counts for nothing on the next connection', () => {
  const reader = new SseReader('1')
  expect(read(reader, 'id: 2\nevent: a\ndata: x\n')).toEqual([])
  reader.begin()
  expect(read(reader, 'data: y\n\n')).toEqual([{ name: 'message', data: 'y' }])
  expect(reader.lastEventId).toBe('1')
})

test('wherever the bytes are cut, it is the same', async () => {
  const event = fc.record({
    name: fc.constantFrom('change', 'top'),
    data: fc.string({ unit: 'grapheme' }),
    id: fc.nat(),
  })
  const input = fc.record({
    events: fc.array(event, { maxLength: 5 }),
    ending: fc.constantFrom('\n', '\r\n', '\r'),
    cuts: fc.array(fc.nat(400), { maxLength: 12 }),
  })
  await checkProperty('events cut anywhere', input, ({ events, ending, cuts }) => {
    const clean = events.map(({ data, ...rest }) => ({ ...rest, data: JSON.stringify(data) }))
    const lines = clean.flatMap(({ name, data, id }) => [`event: ${name}`, `data: ${data}`, `id: ${id}`, ''])
    // A CR at the very end may be half of an ending, so something follows.
    const bytes = Buffer.from([...lines, ':', ''].join(ending))
    const places = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
    const reader = new SseReader()
    const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
    expect(read(reader, ...chunks)).toEqual(clean.map(({ name, data }) => ({ name, data })))
    expect(reader.lastEventId).toBe(clean.length === 0 ? undefined : String(clean.at(-1)?.id))
  })
})
