// Whatever is declared one after the other, what stands there in the end is what a database has in which only the last was
// declared; nothing is held back, and nothing is left to do.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resolveConfig, type ViewsConfig } from '../../src/config/index.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { transaction } from '../../src/db/transaction.ts'
import type { Contribution } from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { contributeViews } from '../../src/views/contribute.ts'
import { versions } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { openBench, type Bench } from './support.ts'

const columns = ['a', 'b', 'c'] as const

interface Spec {
  /** The bottom one may hold rows; those above may read it. */
  readonly kind: 'absent' | 'plain' | 'materialized'
  /** Which of those below it reads, counted among those that are there; the last place is the table. */
  readonly reads: number
  readonly shows: readonly number[]
  /** Written out, or all that there is. */
  readonly star: boolean
}

const spec = (kinds: readonly Spec['kind'][]): fc.Arbitrary<Spec> =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    reads: fc.nat(4),
    shows: fc.uniqueArray(fc.nat(2), { minLength: 1, maxLength: 3 }),
    star: fc.boolean(),
  })

/** Which name stands for which place, from the bottom up, is another each time. */
const declaration = fc.record({
  names: fc.shuffledSubarray(['v1', 'v2', 'v3', 'v4'], { minLength: 4 }),
  specs: fc.tuple(
    spec(['absent', 'plain', 'materialized']),
    spec(['absent', 'plain', 'plain']),
    spec(['absent', 'plain', 'plain']),
    spec(['absent', 'plain', 'plain']),
  ),
})

interface Declaration {
  readonly names: readonly string[]
  readonly specs: readonly Spec[]
}

function declare({ names, specs }: Declaration): ViewsConfig {
  const there: { readonly name: string; readonly columns: readonly string[] }[] = [{ name: 'base', columns }]
  const views: Record<string, ViewsConfig[string]> = {}
  for (const [index, { kind, reads, shows, star }] of specs.entries()) {
    const source = there[reads % there.length]
    if (kind === 'absent' || source === undefined) continue
    const chosen = [...new Set(shows.map((at) => source.columns[at % source.columns.length] ?? 'a'))]
    const shown = star ? source.columns : chosen
    const name = names[index] ?? ''
    const text = `select ${star ? '*' : chosen.join(', ')} from ${source.name}`
    views[name] = kind === 'plain' ? { sql: text, materialized: false } : { sql: text }
    there.push({ name, columns: shown })
  }
  return views
}

/** As apply does, without the journal. */
async function settle({ db, url }: Bench, views: ViewsConfig): Promise<Contribution> {
  const written = { database: { primary: url }, views }
  const config = resolveConfig<unknown>(written, { root: '/', name: 'pgstrata.config.ts' })
  const declared = { views: config.views, plain: config.plainViews, awaited: () => Promise.resolve([]) }
  return await db.withSession(async (session) => {
    for (let round = 1; ; round++) {
      const planned = await contributeViews(session, declared)
      if (planned.steps.length === 0 || round > 6) return planned
      for (const { statements } of planned.steps) {
        await transaction(session, async (tx) => {
          for (const statement of statements) await tx.query(sql.raw(statement))
        })
      }
    }
  })
}

const look = (bench: Bench): ReturnType<Bench['rows']> =>
  bench.rows(`select relname::text as name, relkind::text as kind, pg_get_viewdef(oid) as definition
    from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace order by 1`)

describe.each(versions)('plain views on PostgreSQL %d', (version) => {
  test('end as the last declaration says, whatever came before', async () => {
    const bench = await openBench(version)
    await bench.run('create table base (a int, b text, c int)')
    await bench.db.withSession(ensureInstalled)
    await checkProperty(
      'declarations of views',
      fc.array(declaration, { minLength: 2, maxLength: 4 }),
      async (all) => {
        await settle(bench, {})
        for (const one of all) {
          const { steps, held = [] } = await settle(bench, declare(one))
          expect([steps.map(({ title }) => title), held]).toEqual([[], []])
        }
        const last = declare(all.at(-1) ?? { names: [], specs: [] })
        const before = await look(bench)
        await settle(bench, {})
        expect(await look(bench)).toEqual([])
        await settle(bench, last)
        expect(before).toEqual(await look(bench))
      },
      { runs: 8 },
    )
  })
})
