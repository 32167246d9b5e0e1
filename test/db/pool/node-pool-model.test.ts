// Whatever is done with a pool in whatever order: never more than max, nobody shares a connection, everybody gets an
// answer, and in the end nothing is left.

import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import type { NodePool, PooledClient } from '../../../src/db/pool/connections/node-pool.ts'
import { onlyRow } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { useDatabase, type TestDatabase } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { waitUntil } from '../../support/wait.ts'
import { openPool, pidOf, type Told } from './node-pool-support.ts'

type Step =
  | { readonly kind: 'acquire' | 'take' | 'renew' | 'warm' | 'prepare' | 'settle' | 'end' | 'break idle' }
  | { readonly kind: 'release' | 'release broken' | 'release busy' | 'break'; readonly index: number }

interface Script {
  readonly max: number
  readonly min: number
  readonly maxUses: number
  /** What becomes of the first connections that are prepared; 'slow' waits for a step 'prepare'. */
  readonly preparations: readonly ('good' | 'bad' | 'slow')[]
  readonly steps: readonly Step[]
}

const index = fc.nat(7)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('acquire' as const, 'take' as const) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('release' as const), index }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('release broken' as const, 'release busy' as const), index }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('break' as const), index }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('prepare' as const, 'settle' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('renew' as const, 'warm' as const, 'break idle' as const) }),
  },
)
const scripts: fc.Arbitrary<Script> = fc.record({
  max: fc.integer({ min: 1, max: 3 }),
  min: fc.nat(2),
  maxUses: fc.constantFrom(0, 0, 2),
  preparations: fc.array(fc.constantFrom('good' as const, 'good' as const, 'bad' as const, 'slow' as const), {
    maxLength: 8,
  }),
  steps: fc
    .tuple(fc.array(step, { maxLength: 30 }), fc.array(step, { maxLength: 4 }))
    .map(([before, after]) => [...before, { kind: 'end' as const }, ...after]),
})

/** The pool, and what must be true of it by our own books. */
class Model {
  readonly pool: NodePool
  readonly held: PooledClient[] = []
  readonly #told: Told
  readonly #script: Script
  readonly #database: TestDatabase
  readonly #application = `model ${randomUUID()}`
  readonly #slow: (() => void)[] = []
  #prepared = 0
  #pending = 0
  #isHurried = false

  constructor(script: Script, database: TestDatabase) {
    this.#script = script
    this.#database = database
    const { pool, told } = openPool('', {
      ...script,
      connect: () => new pg.Client({ connectionString: database.url, application_name: this.#application }),
      prepare: () => this.#prepare(),
      random: () => 0,
    })
    this.pool = pool
    this.#told = told
  }

  async take(step: Step): Promise<void> {
    const client = 'index' in step ? this.held[step.index] : undefined
    if (step.kind === 'acquire') this.#acquire()
    else if (step.kind === 'take') this.#receive(this.pool.take())
    else if (step.kind === 'renew') this.pool.renew()
    else if (step.kind === 'warm') this.pool.warm().catch(() => {})
    else if (step.kind === 'prepare') this.#slow.shift()?.()
    else if (step.kind === 'settle') await this.#database.db.query(sql`select 1`)
    else if (step.kind === 'end') void this.pool.end()
    else if (step.kind === 'break idle')
      await this.#kill(this.#told.connected.find((each) => !this.held.includes(each)))
    else if (step.kind === 'break') await this.#kill(client)
    else if (client !== undefined) this.#release(client, step.kind)
    await setImmediate()
    this.#check()
  }

  /** Everything slow goes on, everything held comes back, and then nothing is left. */
  async finish(): Promise<void> {
    this.#isHurried = true
    for (const goOn of this.#slow.splice(0)) goOn()
    await waitUntil(
      () => {
        for (const client of this.held) this.#release(client, 'release')
        this.#check()
        return this.#pending === 0 && this.held.length === 0
      },
      { what: 'everybody to get an answer' },
    )
    await this.pool.end()
    expect(this.pool).toMatchObject({ total: 0, inUse: 0, idle: 0, waiting: 0 })
    expect(new Set(this.#told.removed)).toEqual(new Set(this.#told.connected))
    expect(this.#told.removed).toHaveLength(this.#told.connected.length)
    await waitUntil(async () => (await this.#connections()) === 0, { what: 'the server to have seen the end' })
  }

  #acquire(): void {
    this.#pending++
    let calls = 0
    let hasReturned = false
    this.pool.acquire((error, client) => {
      expect(hasReturned).toBe(true)
      expect(++calls).toBe(1)
      expect((error === undefined) !== (client === undefined)).toBe(true)
      this.#pending--
      this.#receive(client)
    })
    hasReturned = true
  }

  #receive(client: PooledClient | undefined): void {
    if (client === undefined) return
    expect(this.held).not.toContain(client)
    expect(this.#told.connected).toContain(client)
    expect(this.#told.removed).not.toContain(client)
    this.held.push(client)
  }

  #release(client: PooledClient, kind: Step['kind']): void {
    this.held.splice(this.held.indexOf(client), 1)
    if (kind === 'release busy') client.query('select pg_sleep(0.02)').catch(() => {})
    this.pool.release(client, kind === 'release broken')
  }

  #check(): void {
    expect(this.pool.total).toBeLessThanOrEqual(this.#script.max)
    expect(this.pool.inUse).toBe(this.held.length)
    expect(this.pool.waiting).toBe(this.#pending)
    expect(this.pool.outstanding).toBe(this.held.length + this.#pending)
    // Whoever waits does so for a reason.
    if (this.pool.waiting > 0) expect(this.pool.idle).toBe(0)
  }

  async #prepare(): Promise<void> {
    const outcome = this.#script.preparations[this.#prepared++]
    if (outcome === 'bad') throw new Error('a bad preparation')
    if (outcome === 'slow' && !this.#isHurried) await new Promise<void>((resolve) => this.#slow.push(resolve))
  }

  async #kill(client: PooledClient | undefined): Promise<void> {
    if (client === undefined) return
    await this.#database.db.query(sql`
      select pg_terminate_backend(pid, 10000)
      from pg_stat_activity
      where pid = ${pidOf(client)}::int4 and application_name = ${this.#application}`)
  }

  async #connections(): Promise<number> {
    const answer = await this.#database.db.query<{ count: number }>(
      sql`select count(*)::int as count from pg_stat_activity where application_name = ${this.#application}`,
    )
    return onlyRow(answer).count
  }
}

describe('a pool and any sequence of what can be done with it', () => {
  const database = useDatabase(18)

  test('keeps its promises', async () => {
    await checkProperty(
      'a pool against our own books',
      scripts,
      async (script) => {
        const model = new Model(script, database())
        for (const step of script.steps) await model.take(step)
        await model.finish()
      },
      { runs: 60 },
    )
  })
})
