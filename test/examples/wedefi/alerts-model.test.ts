// Random prices, late ones among them, looked at by one evaluator, by two at once, in small pieces, or by one that fails before its commit: what
// comes of it is what a plain state machine makes of the same prices.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evaluateAlerts } from '../../../examples/wedefi/src/alerts/evaluate.ts'
import { sql } from '../../../src/sql/sql.ts'
import { checkProperty } from '../../support/property.ts'
import { addAlert, createMachine, readAlert, readEvents } from './alerts-support.ts'
import { addPrices, addTokens, hourMs, useRiskDatabase } from './risk-support.ts'

const risk = useRiskDatabase()
const beganMs: number = Date.now() - 5 * hourMs

type Step =
  | { readonly kind: 'price'; readonly token: 0 | 1; readonly value: number; readonly afterMs: number }
  | { readonly kind: 'late'; readonly token: 0 | 1; readonly value: number; readonly beforeMs: number }
  | { readonly kind: 'evaluate' | 'twice' | 'pieces' | 'failing' }

const token = fc.constantFrom<0 | 1>(0, 1)
const value = fc.integer({ min: 0, max: 20 })
const price = fc.record({ kind: fc.constant('price' as const), token, value, afterMs: fc.integer({ min: 1, max: 90 }) })
const late = fc.record({ kind: fc.constant('late' as const), token, value, beforeMs: fc.integer({ min: 1, max: 400 }) })
const look = fc.record({
  kind: fc.constantFrom('evaluate' as const, 'twice' as const, 'pieces' as const, 'failing' as const),
})
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof({ weight: 6, arbitrary: price }, { weight: 1, arbitrary: late }, { weight: 2, arbitrary: look }),
  { minLength: 5, maxLength: 60 },
)

const definitions = [
  { token: 0, direction: 'above', threshold: 12, rearm: 8 },
  { token: 0, direction: 'above', threshold: 10, rearm: 10 },
  { token: 0, direction: 'below', threshold: 5, rearm: 5 },
  { token: 1, direction: 'below', threshold: 6, rearm: 15 },
  { token: 1, direction: 'above', threshold: 19, rearm: 0 },
] as const

let run = 0

async function follow(given: readonly Step[]): Promise<void> {
  const { db } = risk()
  run++
  const names = [0, 1].map((index) => `modelled-${run}-${index}`)
  await addTokens(db, names)
  await db.query(sql`delete from "Alert"`)
  const followed: { id: string; index: number; machine: ReturnType<typeof createMachine>; seenMs: number }[] = []
  for (const { token: index, ...definition } of definitions) {
    const id = await addAlert(db, { token: names[index] ?? '', ...definition })
    followed.push({ id, index, machine: createMachine(definition), seenMs: 0 })
  }
  const prices: { readonly token: 0 | 1; readonly atMs: number; readonly value: number }[] = []
  let nowMs = beganMs

  const write = async (index: 0 | 1, atMs: number, shown: number): Promise<void> => {
    if (prices.some((one) => one.token === index && one.atMs === atMs)) return
    prices.push({ token: index, atMs, value: shown })
    await addPrices(db, [{ token: names[index] ?? '', atMs, price: String(shown) }])
  }
  /** Of each alert the prices behind the last that it saw, in their order. */
  const see = (): void => {
    for (const alert of followed) {
      const fresh = prices.filter((one) => one.token === alert.index && one.atMs > alert.seenMs)
      for (const one of fresh.toSorted((a, b) => a.atMs - b.atMs)) {
        alert.machine.see(one.value)
        alert.seenMs = one.atMs
      }
    }
  }
  const check = async (): Promise<void> => {
    for (const { id, machine } of followed) {
      const events = await readEvents(db, id)
      const alert = await readAlert(db, id)
      expect(events.map((event) => [event.episode, Number(event.value)])).toEqual(
        machine.fires.map((shown, index) => [index + 1, shown]),
      )
      expect([alert.status, alert.episode]).toEqual([machine.status, machine.fires.length])
    }
  }
  const evaluate = async (kind: 'evaluate' | 'twice' | 'pieces' | 'failing'): Promise<void> => {
    const choice = { kinds: ['price' as const] }
    if (kind === 'failing') {
      const failing = evaluateAlerts(db, { ...choice, confirm: () => Promise.reject(new Error('refused')) })
      await expect(failing).rejects.toThrow('refused')
      return
    }
    if (kind === 'pieces') await evaluateAlerts(db, { ...choice, alertsAtOnce: 2, pricesAtOnce: 1 })
    else await Promise.all(Array.from({ length: kind === 'twice' ? 3 : 1 }, () => evaluateAlerts(db, choice)))
    see()
  }
  for (const step of given) {
    if (step.kind === 'price') {
      nowMs += step.afterMs
      await write(step.token, nowMs, step.value)
    } else if (step.kind === 'late') await write(step.token, nowMs - step.beforeMs, step.value)
    else {
      await evaluate(step.kind)
      await check()
    }
  }
  await evaluate('evaluate')
  await check()
}

test('alerts do what a plain state machine does', { timeout: 120_000 }, async () => {
  await checkProperty('alerts', steps, follow, { runs: 25 })
})
