import { expect, test } from 'vitest'
import { buildLadder, defaultLadderOptions } from '../../src/plan/index.ts'

test('waits grow from the first to the last, and the whole has an end', () => {
  const { rungs } = buildLadder(defaultLadderOptions)
  expect(rungs).toHaveLength(20)
  expect(rungs[0]).toEqual({ lockTimeoutMs: 100, pauseMs: 50 })
  expect(rungs.at(-1)).toEqual({ lockTimeoutMs: 1_000, pauseMs: 30_000 })
  for (const [index, rung] of rungs.entries()) {
    const next = rungs[index + 1]
    if (next === undefined) continue
    expect(next.lockTimeoutMs).toBeGreaterThanOrEqual(rung.lockTimeoutMs)
    expect(next.pauseMs).toBeGreaterThanOrEqual(rung.pauseMs)
  }
  const totalMs = rungs.reduce((sum, rung) => sum + rung.lockTimeoutMs + rung.pauseMs * 1.5, 0)
  expect(totalMs).toBeLessThan(3 * 60_000)
})

test('one try is a ladder, too', () => {
  expect(buildLadder({ ...defaultLadderOptions, tries: 1 }).rungs).toEqual([{ lockTimeoutMs: 100, pauseMs: 50 }])
})
