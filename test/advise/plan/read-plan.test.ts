// Plans that servers gave (15 and 18, recorded): read into one tree, with what each node took by itself.

import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { estimateFactor, listNodes, type Plan, type PlanNode } from '../../../src/advise/plan/node.ts'
import { readPlan } from '../../../src/advise/plan/read-plan.ts'
import { renderPlan } from '../../../src/advise/plan/render.ts'

async function recorded(name: string): Promise<Plan> {
  return readPlan(await readFile(new URL(`../plans/${name}.json`, import.meta.url), 'utf8'))
}

const sumOf = (plan: Plan, of: (node: PlanNode) => number): number =>
  listNodes(plan.root).reduce((sum, node) => sum + of(node), 0)

describe.each([15, 18])('plans of PostgreSQL %s', (version) => {
  test('self times add up to the whole, and buffers to the block', async () => {
    const plan = await recorded(`called-${version}`)
    const wholeMs = plan.root.actual?.totalMs ?? 0
    expect(wholeMs).toBeGreaterThan(0)
    expect(sumOf(plan, ({ actual }) => actual?.selfMs ?? 0) / wholeMs).toBeCloseTo(1, 2)
    const { total } = plan.root.buffers ?? {}
    expect(sumOf(plan, ({ buffers }) => buffers?.self.hit ?? 0)).toBe(total?.hit)
    expect(sumOf(plan, ({ buffers }) => buffers?.self.tempWritten ?? 0)).toBe(total?.tempWritten)
  })

  test('a CTE is charged to the scans that made it run, an InitPlan to the node that asked for it', async () => {
    const { root } = await recorded(`called-${version}`)
    const nodes = listNodes(root)
    const cte = nodes.find(({ subplanName }) => subplanName === 'CTE counted')
    const scans = nodes.filter(({ type }) => type === 'CTE Scan')
    expect(scans.map((scan) => scan.cte)).toEqual(['counted', 'counted'])
    const [inclusive, own] = [(s: PlanNode) => s.actual?.totalMs ?? 0, (s: PlanNode) => s.actual?.selfMs ?? 0]
    expect(scans.reduce((sum, scan) => sum + inclusive(scan), 0)).toBeGreaterThan(inclusive(cte as PlanNode))
    expect(scans.reduce((sum, scan) => sum + own(scan), 0)).toBeLessThan(inclusive(cte as PlanNode))
    for (const { actual } of nodes) expect(actual?.selfMs).toBeGreaterThanOrEqual(0)
  })

  test('workers are added up: rows of all of them, time as on the wall', async () => {
    const plan = await recorded(`parallel-${version}`)
    const nodes = listNodes(plan.root)
    const gather = nodes.find(({ workers }) => workers !== undefined)
    expect(gather?.workers).toEqual({ planned: 2, launched: 2 })
    const scan = nodes.find(({ type }) => type === 'Parallel Seq Scan')
    // Two thirds of 100,000, but for what each loop's mean rounds away.
    expect(Math.abs((scan?.actual?.rows ?? 0) - 66_667)).toBeLessThanOrEqual(2)
    expect(scan?.actual?.loops).toBe(3)
    expect(scan?.actual?.totalMs).toBeLessThanOrEqual(gather?.actual?.totalMs ?? 0)
    expect(sumOf(plan, ({ actual }) => actual?.selfMs ?? 0) / (plan.root.actual?.totalMs ?? 1)).toBeCloseTo(1, 1)
    expect(estimateFactor(scan as PlanNode)).toBeCloseTo(1, 0)
  })

  test('is drawn within the width it is given, every line', async () => {
    const plan = await recorded(`called-${version}`)
    for (const width of [60, 80, 120]) {
      const lines = renderPlan(plan, { width })
      expect(Math.max(...lines.map((line) => Array.from(line).length))).toBeLessThanOrEqual(width)
      expect(lines.length).toBe(renderPlan(plan).length)
    }
    const styles = new Set<string>()
    renderPlan(plan, { paint: (style, text) => (styles.add(style), text) })
    expect(styles).toContain('dim')
    expect(renderPlan(plan).join('\n')).not.toContain('\u001B')
  })
})

test('up to 17 a node that is switched off is known by its cost', async () => {
  const { root } = await recorded('disabled-15')
  expect(root).toMatchObject({ type: 'Seq Scan', isDisabled: true })
})

test.each([
  ['nothing', undefined],
  ['no JSON', 'Seq Scan on plays'],
  ['another JSON', '{"rows": []}'],
  ['an empty list', []],
])('%s is no plan', (_name, answer) => {
  expect(() => readPlan(answer)).toThrow('Not a plan')
})
