// The bench: its arithmetic, the contract of what it publishes, and that no published table is stale.

import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listDocuments, renderTables } from '../../bench/harness/documents.ts'
import { publish, toJsonLine, type Published } from '../../bench/harness/result.ts'
import { mayReplace, readResults } from '../../bench/harness/results.ts'
import { measureRounds } from '../../bench/harness/rounds.ts'
import type { Scenario, ScenarioResult } from '../../bench/harness/scenario.ts'
import { median, round, summarize, summarizeRatio } from '../../bench/harness/statistics.ts'
import { formatForTerminal } from '../../bench/harness/table.ts'
import { scenarios } from '../../bench/scenarios/index.ts'
import { checkProperty } from '../support/property.ts'
import { typescript } from '../support/typescript.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const results = await readResults(join(root, 'bench', 'results'))
const durations = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 40 })

const scenario: Scenario = {
  name: 'sample',
  title: 'A sample',
  against: 'another',
  goals: { vs_other: { atLeast: 1 }, start_s: { atMost: 3 } },
  run: () => Promise.reject(new Error('is never run')),
}
const measured: ScenarioResult = {
  postgres: '18.4',
  figures: {
    ours_ms: { title: 'ours', unit: 'ms', samples: [1_000, 1_500, 800] },
    theirs_ms: { title: 'theirs', unit: 'ms', samples: [500, 3_000, 400] },
    start_s: { title: 'start', unit: 's', samples: [2, 2.5, 3.5] },
  },
  comparisons: { vs_other: { title: 'side by side', ours: 'ours_ms', theirs: 'theirs_ms' } },
  notes: ['A note.'],
}
const circumstances = { date: '2026-11-21', node: '20.20.2', cores: 2, quick: false }
const sample = publish(scenario, measured, circumstances)

describe('statistics', () => {
  test('as many samples lie on either side of the median, and it is among or between them', async () => {
    await checkProperty('median', durations, (samples) => {
      const middle = median(samples)
      const below = samples.filter((value) => value < middle).length
      const above = samples.filter((value) => value > middle).length
      expect(below).toBeLessThanOrEqual(samples.length / 2)
      expect(above).toBeLessThanOrEqual(samples.length / 2)
      const { low, high } = summarize(samples)
      expect(samples).toContain(low)
      expect(samples).toContain(high)
      expect(middle).toBeGreaterThanOrEqual(low)
      expect(middle).toBeLessThanOrEqual(high)
    })
  })

  test('the order of the samples does not matter, and they are left as they are', async () => {
    const shuffled = durations.chain((samples) =>
      fc.record({
        samples: fc.constant(samples),
        again: fc.shuffledSubarray(samples, { minLength: samples.length, maxLength: samples.length }),
      }),
    )
    await checkProperty('order', shuffled, ({ samples, again }) => {
      const before = [...samples]
      expect(median(again)).toBe(median(samples))
      expect(samples).toEqual(before)
    })
  })

  test('a ratio turned round is one over it', async () => {
    const pairs = fc.array(fc.tuple(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 10_000 })), {
      minLength: 1,
    })
    await checkProperty('ratio', pairs, (both) => {
      const ours = both.map(([own]) => own)
      const theirs = both.map(([, other]) => other)
      const ratio = summarizeRatio(ours, theirs)
      expect(ratio.value * summarizeRatio(theirs, ours).value).toBeCloseTo(1, 9)
      expect(ratio.low).toBeLessThanOrEqual(ratio.high)
    })
  })

  test('known values', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(summarizeRatio([100, 200], [300, 300])).toEqual({ value: 2, low: 1.5, high: 3 })
    expect(round(1234.56)).toBe(1235)
    expect(round(0.123456)).toBe(0.1235)
  })

  test('no sample, and samples that are no pairs, are refused', () => {
    expect(() => median([])).toThrow('at least one sample')
    expect(() => summarizeRatio([1, 2], [1])).toThrow('2 samples of ours, 1 of theirs')
  })
})

describe('rounds', () => {
  const signal = new AbortController().signal
  const progress = (): void => undefined

  test('every variant runs once a round, in turned order every other round', async () => {
    const ran: string[] = []
    const variant = (name: string) => ({ name, run: () => Promise.resolve({ [name]: ran.push(name) }) })
    const samples = await measureRounds([variant('a'), variant('b')], { rounds: 3, signal, progress })
    expect(ran).toEqual(['a', 'b', 'b', 'a', 'a', 'b'])
    expect(Object.fromEntries(samples)).toEqual({ a: [1, 4, 5], b: [2, 3, 6] })
  })

  test('an abort ends it before the next run', async () => {
    const stopping = new AbortController()
    let runs = 0
    const variant = { name: 'a', run: () => Promise.resolve({ a: ++runs }) }
    const measuring = measureRounds([variant], { rounds: 5, signal: stopping.signal, progress: () => stopping.abort() })
    await expect(measuring).rejects.toThrow('abort')
    expect(runs).toBe(1)
  })
})

describe('what is published', () => {
  test('the JSON line holds ratios, figures and every goal, met or not', () => {
    const line = toJsonLine(sample)
    expect(line).not.toContain('\n')
    expect(JSON.parse(line)).toEqual({
      scenario: 'sample',
      ratios: { vs_other: 0.5 },
      figures: {
        ours_ms: { value: 1_000, unit: 'ms' },
        theirs_ms: { value: 500, unit: 'ms' },
        start_s: { value: 2.5, unit: 's' },
      },
      goals: {
        vs_other: { goal: '>= 1', value: 0.5, met: false },
        start_s: { goal: '<= 3', value: 2.5, met: true },
      },
    })
  })

  test('a goal that nothing was measured for is an error', () => {
    const forgetful = { ...scenario, goals: { lost: { atMost: 1 } } }
    expect(() => publish(forgetful, measured, circumstances)).toThrow('a goal lost')
  })

  test('a quick run replaces a quick one, and never a full one', () => {
    const quick = { ...sample, quick: true }
    expect(mayReplace(undefined, quick)).toBe(true)
    expect(mayReplace(quick, quick)).toBe(true)
    expect(mayReplace(quick, sample)).toBe(true)
    expect(mayReplace(sample, sample)).toBe(true)
    expect(mayReplace(sample, quick)).toBe(false)
  })

  test('the table for a terminal says medians, ranges, ratio and goals', () => {
    const table = formatForTerminal(sample)
    expect(table).toMatch(
      /side by side +1\.00 s \(0\.80–1\.50\) +500 ms \(400–3000\) +0\.50× \(0\.50–2\.00\) +≥ 1: not met/,
    )
    expect(table).toMatch(/start +2\.50 s \(2\.00–3\.50\) +≤ 3: met/)
    expect(table).toContain('A note.')
  })

  test('each unit is shown as people read it', () => {
    const units = ['us', 'ms', 's', 'percent', 'count'] as const
    const figures = Object.fromEntries(
      units.flatMap((unit) =>
        [0, 12.34, 2_000].map((value) => [`${unit} ${value}`, { title: '', unit, samples: [value] }]),
      ),
    )
    const rows = formatForTerminal(
      publish({ ...scenario, goals: {} }, { ...measured, figures, comparisons: {} }, circumstances),
    )
    expect(
      rows
        .split('\n')
        .slice(1, 16)
        .map((row) => row.trim()),
    ).toEqual([
      '0.00 µs (0.00–0.00)',
      '12.3 µs (12.3–12.3)',
      '2.00 ms (2.00–2.00)',
      '0.00 ms (0.00–0.00)',
      '12.3 ms (12.3–12.3)',
      '2.00 s (2.00–2.00)',
      '0.00 s (0.00–0.00)',
      '12.3 s (12.3–12.3)',
      '2000 s (2000–2000)',
      '0.00 % (0.00–0.00)',
      '12.3 % (12.3–12.3)',
      '2000 % (2000–2000)',
      '0.00 (0.00–0.00)',
      '12.3 (12.3–12.3)',
      '2000 (2000–2000)',
    ])
  })
})

describe('bench/results', () => {
  test('there is a result of every scenario, and of no other', () => {
    expect([...results.keys()].toSorted()).toEqual(scenarios.map(({ name }) => name).toSorted())
  })

  test.each(scenarios)('$name: the contract', ({ name, goals, fewestRounds = 5 }) => {
    const published = resultOf(name)
    expect(published.date).toMatch(/^\d{4}-\d{2}-\d{2}$/)
    expect(published.node).toMatch(/^\d+\.\d+\.\d+$/)
    expect(published.postgres).toMatch(/^\d+\.\d+$/)
    expect(published.cores).toBeGreaterThan(0)
    expect(published.runs).toBeGreaterThanOrEqual(published.quick ? 2 : fewestRounds)
    expect(Object.keys(published.goals)).toEqual(Object.keys(goals))
    for (const [goal, { value, met, goal: text }] of Object.entries(published.goals)) {
      expect(value).toBe(published.ratios[goal] ?? published.figures[goal]?.value)
      const [, sign, bound] = /^(>=|<=) ([\d.]+)$/.exec(text) ?? []
      expect(met).toBe(sign === '>=' ? value >= Number(bound) : value <= Number(bound))
    }
    for (const figure of Object.values(published.figures)) {
      if (['us', 's'].includes(figure.unit)) expect(figure.value).toBeGreaterThan(0)
      else expect(figure.value).toBeGreaterThanOrEqual(0)
      expect(figure.low).toBeLessThanOrEqual(figure.value)
      expect(figure.high).toBeGreaterThanOrEqual(figure.value)
    }
    for (const [ratio, { ours, theirs }] of Object.entries(published.comparisons)) {
      const expected = (published.figures[theirs]?.value ?? 0) / (published.figures[ours]?.value ?? 0)
      // Four digits of each are written.
      expect((published.ratios[ratio] ?? 0) / expected).toBeCloseTo(1, 2)
    }
  })

  function resultOf(name: string): Published {
    const published = results.get(name)
    if (published === undefined) throw new Error(`bench/results has no ${name}.json`)
    return published
  }
})

describe('tables in documents', () => {
  const known = new Map([['sample', sample]])

  test('a marked place is filled, whatever stood there, and filling it again changes nothing', () => {
    const text = 'Before\n<!-- bench:sample -->\nstale\n<!-- /bench -->\nafter\n'
    const filled = renderTables('README.md', text, known)
    expect(filled).toMatch(/^Before\n<!-- bench:sample -->\n\| \| pgstrata \| another \| ratio \| goal \|\n/)
    expect(filled).toContain(
      '| side by side | 1.00 s (0.80–1.50) | 500 ms (400–3000) | 0.50× (0.50–2.00) | ≥ 1: not met |',
    )
    expect(filled).toMatch(/\n<!-- \/bench -->\nafter\n$/)
    expect(filled).not.toContain('stale')
    expect(renderTables('README.md', filled, known)).toBe(filled)
  })

  test('a mark without a result, or without an end, is an error', () => {
    const unknown = '<!-- bench:nothing -->\n<!-- /bench -->'
    expect(() => renderTables('README.md', unknown, known)).toThrow('no result of a scenario nothing')
    expect(() => renderTables('README.md', '<!-- bench:sample -->', known)).toThrow('needs its own')
    const twice = '<!-- bench:sample -->\n<!-- bench:sample -->\n<!-- /bench -->'
    expect(() => renderTables('README.md', twice, known)).toThrow('needs its own')
  })

  test('every table in README.md and docs is what bench/results says; every scenario is shown somewhere', async () => {
    const documents = await listDocuments(root)
    const shown = new Set<string>()
    for (const path of documents) {
      const text = await readFile(path, 'utf8')
      expect(renderTables(path, text, results), `${path}: run npm run bench -- --tables`).toBe(text)
      for (const [, name = ''] of text.matchAll(/<!-- bench:([a-z0-9-]+) -->/g)) shown.add(name)
    }
    expect([...shown].toSorted()).toEqual(scenarios.map(({ name }) => name).toSorted())
  })
})

describe('the command', () => {
  test('an unknown scenario: exit 3, those that exist are listed, nothing on standard output', async () => {
    const { code, stdout, stderr } = await runBench(['nonsense', '--json'])
    expect(code).toBe(3)
    expect(stdout).toBe('')
    expect(stderr).toContain('There is no scenario nonsense')
    for (const { name, title } of scenarios) expect(stderr).toContain(`${name}: ${title}`)
  })

  test('an unknown option: exit 3 and the usage', async () => {
    const { code, stderr } = await runBench(['--fastest'])
    expect(code).toBe(3)
    expect(stderr).toContain('npm run bench -- [scenario…] [--quick] [--json] [--tables]')
  })
})

function runBench(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', typescript, 'bench/run.ts', ...args], { cwd: root })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
