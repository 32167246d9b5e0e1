// What is recorded is found in the windows that contain it and in the shapes, within the stated bounds.

import { describe, expect, test } from 'vitest'
import { CallRecorder } from '../../../src/watch/calls/recorder.ts'
import { CallShapes } from '../../../src/watch/calls/shapes.ts'
import { Windows } from '../../../src/watch/calls/windows.ts'
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts'
import { waitUntil } from '../../support/wait.ts'

const record = (windows: Windows, clock: FakeClock, durationMs = 1): void =>
  windows.record(durationMs, false, clock.monotonic())

/** Names that differ by a long number alone are of one shape: partitions. */
const inLetters = (n: number): string => String(n).replaceAll(/\d/g, (digit) => 'abcdefghij'.charAt(Number(digit)))

describe('windows', () => {
  test('hold what ended in them, to the next ten seconds', () => {
    const clock = fakeClock()
    const windows = new Windows(clock)
    for (let second = 0; second < 120; second++) {
      record(windows, clock)
      clock.advance(1_000)
    }
    expect(windows.read(60_000)).toMatchObject({ histogram: { count: 60 }, coveredMs: 60_000 })
    clock.advance(5_000)
    expect(windows.read(60_000)).toMatchObject({ histogram: { count: 60 }, coveredMs: 65_000 })
    expect(windows.read(0)).toMatchObject({ histogram: { count: 0 }, coveredMs: 5_000 })
    expect(windows.read(3_600_000)).toMatchObject({ histogram: { count: 120 }, coveredMs: 125_000 })
  })

  test('go back ten minutes, and over a silence of any length', () => {
    const clock = fakeClock()
    const windows = new Windows(clock)
    record(windows, clock, 7)
    clock.advance(589_999)
    expect(windows.read(600_000).histogram).toMatchObject({ count: 1, maxMs: 7 })
    clock.advance(10_001)
    expect(windows.read(600_000).histogram.count).toBe(0)
    record(windows, clock)
    clock.advance(3 * 86_400_000)
    expect(windows.read(600_000).histogram.count).toBe(0)
    record(windows, clock)
    expect(windows.read(60_000).histogram.count).toBe(1)
  })
})

describe('texts and shapes', () => {
  const open = (clock = fakeClock()): CallRecorder =>
    new CallRecorder({ clock, slowMs: Number.POSITIVE_INFINITY, onSlow: () => undefined })

  test('where nobody asks for shapes, ever new texts are read all the same, but for what comes faster than that', async () => {
    const clock = fakeClock()
    const recorder = open(clock)
    const countOf = (...kinds: readonly string[]): number =>
      recorder.shapes.list().reduce((sum, { kind, total }) => sum + (kinds.includes(kind) ? total.count : 0), 0)
    let recorded = 0
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 512; n++) recorder.record(`select ${recorded++} as id`, 0, clock.monotonic(), null, undefined)
      await waitUntil(
        () => {
          clock.advance(1_000)
          return countOf('statement', 'other') === recorded
        },
        { what: 'texts to be read' },
      )
      clock.advance(10_000)
    }
    expect(countOf('statement')).toBe(5 * 500)
    const readSoFar = countOf('statement')
    for (let n = 0; n < 512 * 100; n++) recorder.record(`select -${n} as id`, 0, clock.monotonic(), null, undefined)
    await recorder.settle()
    expect(countOf('statement')).toBe(readSoFar + 500)
    expect(countOf('other')).toBe(5 * 12 + 512 * 100 - 500)
  })

  test('statements that differ by their constants are one shape', async () => {
    const recorder = open()
    for (let n = 0; n < 100; n++) recorder.record(`select * from t where id = ${n}`, 0, 1, null, undefined)
    recorder.record('SELECT * FROM t WHERE id = $1', 0, 5, new Error('no'), undefined)
    await recorder.settle()
    expect(recorder.shapes.list()).toMatchObject([
      { kind: 'statement', command: 'SelectStmt', total: { count: 101, failed: 1 }, pending: { count: 101 } },
    ])
  })

  test('of more texts than are kept the rest is one shape, and nothing is lost', async () => {
    const recorder = open()
    for (let n = 0; n < 700; n++) recorder.record(`select ${n} from t_${inLetters(n)}`, 0, 1, null, undefined)
    await recorder.settle()
    const shapes = recorder.shapes.list()
    expect(shapes).toHaveLength(501)
    expect(shapes.at(-1)).toMatchObject({ kind: 'other', total: { count: 200 } })
    // Texts that do not come any more make room.
    await recorder.settle()
    for (let n = 0; n < 700; n++) recorder.record(`select ${n} from u_${inLetters(n)}`, 0, 1, null, undefined)
    await recorder.settle()
    const total = recorder.shapes.list().reduce((sum, { total: { count } }) => sum + count, 0)
    expect(total).toBe(1_400)
    expect(recorder.shapes.list().length).toBeLessThanOrEqual(501)
    expect(recorder.total.count).toBe(1_400)
  })

  test('what could not be stored is as before, and goes with the next', () => {
    const shapes = new CallShapes()
    const statement = (n: number): ReturnType<CallShapes['statement']> =>
      shapes.statement({ id: `s${n}`, text: `select ${n}`, statements: 1, kind: 'SelectStmt' })
    for (let n = 0; n < 60; n++) shapes.record(statement(n), n + 1, n % 2 === 0)
    const taken = shapes.take(50)
    expect(taken).toHaveLength(51)
    expect(taken[0]).toMatchObject({ shape: { id: 's59' }, calls: { count: 1 } })
    expect(taken[50]).toMatchObject({ shape: { id: 'other' }, calls: { count: 10, failed: 5 } })
    expect(shapes.take(50)).toEqual([])
    shapes.record(statement(3), 1, false)
    shapes.putBack(taken)
    const again = shapes.take(50)
    expect(again.reduce((sum, { calls }) => sum + calls.count, 0)).toBe(61)
    expect(again.reduce((sum, { calls }) => sum + calls.failed, 0)).toBe(30)
  })

  test('work that has no room is together with other work, and never with statements', () => {
    const shapes = new CallShapes()
    for (let n = 0; n < 60; n++) shapes.record(shapes.work(`work ${n}`), 1, false)
    shapes.record(shapes.statement({ id: 's', text: 'select 1', statements: 1, kind: 'SelectStmt' }), 0.5, false)
    const taken = shapes.take(50)
    expect(taken.slice(50)).toMatchObject([
      { shape: { id: 'other', kind: 'other' }, calls: { count: 1 } },
      { shape: { id: 'work', kind: 'work' }, calls: { count: 10 } },
    ])
    for (let n = 0; n < 600; n++) shapes.record(shapes.work(`more ${n}`), 1, true)
    shapes.putBack(taken)
    expect(shapes.take(1_000).filter(({ shape }) => shape.kind !== 'work')).toMatchObject([{ calls: { count: 1 } }])
    expect(shapes.list().at(-1)).toMatchObject({ id: 'work' })
  })

  test('work has its name, and is counted apart from statements', async () => {
    const recorder = open()
    recorder.recordWork('dashboard', 12, false)
    recorder.recordWork('dashboard', 14, true)
    await recorder.settle()
    expect(recorder.shapes.list()).toMatchObject([
      { id: 'work:dashboard', kind: 'work', text: 'dashboard', total: { count: 2, failed: 1 } },
    ])
    expect(recorder.total.count).toBe(0)
    expect(recorder.work('dashboard')?.read(60_000).histogram.count).toBe(2)
    expect(recorder.work('another')).toBe(undefined)
  })
})
