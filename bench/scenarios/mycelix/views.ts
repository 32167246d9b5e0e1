// The six questions by our views, by materialized views, and by adding up plays: one connection, prepared by name in all three.
//
// Raw ones are asked once for each of the round's keys, ours again and again for the same keys.

import type pg from 'pg'
import { measureRounds, type Variant } from '../../harness/rounds.ts'
import { median } from '../../harness/statistics.ts'
import type { Samples } from '../../harness/part.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { withClient } from '../../support/with-client.ts'
import type { PlayKey } from './mix.ts'
import { questionOf, sixViews, type AskedView, type Way } from './six-views.ts'

export interface ViewSizes {
  readonly rounds: number
  /** Artists and listeners of a round. */
  readonly keys: number
  /** What is quick is repeated for so long. */
  readonly forMs: number
}

interface Asked extends ViewSizes {
  readonly from: readonly PlayKey[]
}

const ways: readonly Way[] = ['ours', 'materialized', 'raw']

export const figureOf = (view: AskedView, way: Way): string => `${view.key}_${way}_ms`

export async function measureViews(url: string, asked: Asked, { signal, progress }: BenchContext): Promise<Samples> {
  return await withClient(url, async (client) => {
    const variants: Variant[] = []
    for (const view of sixViews) {
      const questions = await Promise.all(ways.map(async (way) => ({ way, text: await questionOf(view, way) })))
      variants.push(...questions.map(({ way, text }) => variantOf(client, { view, way, text }, asked)))
    }
    const samples = await measureRounds(variants, { rounds: asked.rounds, signal, progress })
    return new Map([...samples, ['views_median_vs_raw', mediansOf(samples, asked.rounds)]])
  })
}

/** Of each round: the median of the six ratios. */
function mediansOf(samples: Samples, rounds: number): readonly number[] {
  const of = (view: AskedView, way: Way, round: number): number =>
    samples.get(figureOf(view, way))?.[round] ?? Number.NaN
  return Array.from({ length: rounds }, (_, round) =>
    median(sixViews.map((view) => of(view, 'raw', round) / of(view, 'ours', round))),
  )
}

interface Question {
  readonly view: AskedView
  readonly way: Way
  readonly text: string
}

function variantOf(client: pg.Client, { view, way, text }: Question, { from, keys, forMs }: Asked): Variant {
  const name = figureOf(view, way)
  let round = 0
  return {
    name,
    run: async () => {
      const { about } = view
      const chosen = from.slice(round * keys, (round + 1) * keys)
      round++
      const values = about === undefined ? [[]] : chosen.map((key) => [key[about]])
      const ask = async (of: readonly string[]): Promise<void> => {
        const { rowCount } = await client.query({ name, text, values: [...of] })
        if (rowCount === 0) throw new Error(`${name}: expected rows, and got none`)
      }
      // Planned, and in memory; once is enough for what takes seconds.
      if (way !== 'raw' || about !== undefined) for (const of of values) await ask(of)
      const begun = performance.now()
      let times = 0
      do {
        for (const of of values) await ask(of)
        times += values.length
      } while (performance.now() - begun < forMs)
      return { [name]: (performance.now() - begun) / times }
    },
  }
}
