// Rules that go by times, or by what a test cannot bring about at will: plans of real runs of PostgreSQL 15, recorded. The cold one
// was run after a restart of the server, the one of JIT with its thresholds at zero, the one of planning over 300 partitions, of which
// 60 are kept. Each is healthy once its one fault is taken out. All rules are held to their form here, too.

import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { findInsights, insightRules, toGiven } from '../../../src/advise/insights/index.ts'
import type { Plan } from '../../../src/advise/plan/node.ts'
import { readPlan } from '../../../src/advise/plan/read-plan.ts'

async function recorded(name: string): Promise<Plan> {
  return readPlan(await readFile(new URL(`../plans/${name}.json`, import.meta.url), 'utf8'))
}

async function insightsOf(plan: Plan): Promise<readonly (readonly [string, string])[]> {
  const given = await toGiven({ plan, settings: { block_size: '8192', work_mem: '4096' } }, [])
  return findInsights(given).map(({ rule, what }) => [rule, what])
}

test.each([
  ['jit-15', 'jit', /^Compiling 6 functions took [\d,]+ ms of 873 ms \(\d+ %\)$/],
  ['planning-15', 'planning-time', /^Planning took 28 ms, the run 7\.6 ms; 60 tables or partitions are scanned$/],
  [
    'cold-15',
    'cold-reads',
    /^Seq Scan on public\.big read 22\.3 MB from outside of shared_buffers \(100 % of its pages\), which took 6\.1 ms$/,
  ],
])('%s: %s', async (name, rule, says) => {
  const plan = await recorded(name)
  const found = (await insightsOf(plan)).filter(([one]) => one === rule)
  expect(found).toEqual([[rule, expect.stringMatching(says)]])
  const { root } = plan
  const buffers =
    root.buffers === undefined ? undefined : { total: root.buffers.total, self: { ...root.buffers.total, read: 0 } }
  const healthy: Plan = { ...plan, jit: undefined, planningMs: 9, root: { ...root, buffers, children: [] } }
  expect((await insightsOf(healthy)).filter(([one]) => one === rule)).toEqual([])
})

test('a plan too small to matter says nothing, whatever is in it', async () => {
  const plan = await recorded('disabled-15')
  expect((await insightsOf(plan)).map(([rule]) => rule)).toContain('disabled-nodes')
  const small: Plan = { ...plan, root: { ...plan.root, cost: { startup: 0, total: 9, self: 9 }, buffers: undefined } }
  expect(await insightsOf(small)).toEqual([])
})

test('the most that could be saved comes first', async () => {
  const given = await toGiven({ plan: await recorded('called-18'), settings: {} }, [])
  const shares = findInsights(given).map(({ share }) => share)
  expect(shares.length).toBeGreaterThan(1)
  expect(shares).toEqual(shares.toSorted((left, right) => right - left))
  expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true)
})

test('each rule has a name of its own, and says what it looks for', () => {
  expect(new Set(insightRules.map(({ name }) => name)).size).toBe(insightRules.length)
  for (const { name, summary, speaks, why } of insightRules) {
    expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*$/)
    for (const text of [summary, speaks, why]) expect(text.length).toBeGreaterThan(10)
  }
})
