// The bar on a terminal, and the lines elsewhere, with a clock and a stream that are handed in.

import { createProgress, type ProgressStream } from 'pgstrata-example-kit'
import { expect, test } from 'vitest'

function recorder(stream: Omit<ProgressStream, 'write'>): ProgressStream & { readonly written: string[] } {
  const written: string[] = []
  return { ...stream, written, write: (text) => written.push(text) }
}

test('on a terminal one line is drawn again, at most ten times a second, and ends as a summary', () => {
  const stream = recorder({ isTTY: true, columns: 120 })
  let nowMs = 0
  const progress = createProgress({ label: 'Plays', total: 10_000, unit: 'plays', stream, now: () => nowMs })
  for (let row = 0; row < 5_000; row++) {
    nowMs += 1
    progress.add()
  }
  // One at the beginning, then one each 100 ms.
  expect(stream.written).toHaveLength(1 + 50)
  expect(stream.written.at(-1)).toBe(
    '\r\u001B[2K  Plays ████████████░░░░░░░░░░░░ 50 %  5 k of 10 k plays  1 k/s  5.0 s left',
  )
  nowMs = 10_000
  progress.set(10_000)
  progress.finish()
  progress.finish()
  progress.add()
  expect(stream.written.slice(52)).toEqual(['\r\u001B[2K  Plays: 10,000 plays in 10 s (1 k/s)\n'])
})

test('a line never gets wider than the terminal', () => {
  const stream = recorder({ isTTY: true, columns: 30 })
  let nowMs = 0
  const progress = createProgress({ label: 'Plays', total: 10, stream, now: () => nowMs })
  nowMs = 500
  progress.add(5)
  for (const line of stream.written) expect(line.replace('\r\u001B[2K', '').length).toBeLessThan(30)
})

test('elsewhere there is a line for each tenth, and no control character', () => {
  const stream = recorder({})
  let nowMs = 0
  const progress = createProgress({ label: 'Probes', total: 1_000, stream, now: () => nowMs })
  for (let row = 0; row < 1_000; row++) {
    nowMs += 10
    progress.add()
  }
  progress.finish()
  expect(stream.written).toHaveLength(9 + 1)
  expect(stream.written.every((line) => line.endsWith('\n') && !line.includes('\u001B'))).toBe(true)
  expect(stream.written[0]).toContain(' 10 %  100 of 1 k  100/s  9.0 s left')
  expect(stream.written.at(-1)).toBe('  Probes: 1,000 in 10 s (100/s)\n')
})

test('nothing to do is done at once', () => {
  const stream = recorder({})
  createProgress({ label: 'Nodes', total: 0, stream, now: () => 0 }).finish()
  expect(stream.written).toEqual(['  Nodes: 0 in 0.0 s\n'])
})
