// Reads of the archive take turns: no more at once than are allowed, none is forgotten, and a crowd is refused.

import { expect, test } from 'vitest'
import { createTurns } from '../../../examples/wedefi/src/archive-turns.ts'
import { waitUntil } from '../../support/wait.ts'

test('so many at once, the others in their order, and who would be too far behind is told to come again', async () => {
  const takeTurns = createTurns({ atOnce: 2, waiting: 3 })
  const begun: number[] = []
  const ends: (() => void)[] = []
  const read = async (index: number): Promise<number> =>
    await takeTurns(async () => {
      begun.push(index)
      await new Promise<void>((resolve) => void (ends[index] = resolve))
      if (index === 1) throw new Error('the store is away')
      return index
    })
  const reading = Promise.allSettled([0, 1, 2, 3, 4].map(read))
  expect(begun).toEqual([0, 1])
  await expect(read(5)).rejects.toMatchObject({ statusCode: 503, retryAfterSeconds: 2 })
  for (const index of [1, 2, 0, 3, 4]) {
    await waitUntil(() => begun.includes(index), { what: `${index} has begun` })
    ends[index]?.()
  }
  expect((await reading).map((one) => (one.status === 'fulfilled' ? one.value : 'failed'))).toEqual([
    0,
    'failed',
    2,
    3,
    4,
  ])
  expect(begun).toEqual([0, 1, 2, 3, 4])
  // All places are free again.
  const again = [6, 7].map(read)
  expect(begun.slice(5)).toEqual([6, 7])
  for (const index of [6, 7]) ends[index]?.()
  expect(await Promise.all(again)).toEqual([6, 7])
})
