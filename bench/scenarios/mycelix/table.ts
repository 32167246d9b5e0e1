// What of the scenario stands in its table, and what a reader has to know.

import type { ScenarioResult, Unit } from '../../harness/scenario.ts'
import { figuresOf, type Samples } from '../../harness/part.ts'
import { httpRows } from '../../support/http-service.ts'
import { publishedMix } from './mix.ts'
import { sixViews } from './six-views.ts'
import { figureOf } from './views.ts'

export interface Told {
  readonly postgres: string
  readonly data: string
  /** Plays of one change. */
  readonly changed: number
}

type Titles = Readonly<Record<string, readonly [Unit, string]>>

export function describe(samples: Samples, told: Told): ScenarioResult {
  const changed = told.changed.toLocaleString('en-US')
  const refreshed = `${changed} new plays of the last day: all rollups merged, beside all six REFRESH MATERIALIZED VIEW CONCURRENTLY`
  const compared: Titles = Object.fromEntries(
    sixViews.flatMap((view) => [
      [figureOf(view, 'ours'), ['ms', view.title]],
      [figureOf(view, 'raw'), ['ms', view.title]],
    ]),
  )
  const materialized: Titles = Object.fromEntries(
    sixViews.map((view, index) => {
      const [name = view.title] = view.title.split(';')
      return [figureOf(view, 'materialized'), ['ms', index === 0 ? `by a materialized view: ${name}` : `… ${name}`]]
    }),
  )
  return {
    postgres: told.postgres,
    figures: figuresOf(samples, {
      views_median_vs_raw: ['count', 'median of the six ratios'],
      ...compared,
      ...materialized,
      merge_ms: ['ms', refreshed],
      refresh_ms: ['ms', refreshed],
      merge_scattered_ms: ['ms', `merging ${changed} plays of any time of the year whose amount changed`],
      ...httpRows,
    }),
    comparisons: {
      ...Object.fromEntries(
        sixViews.map((view) => [
          `${view.key}_vs_raw`,
          { title: view.title, ours: figureOf(view, 'ours'), theirs: figureOf(view, 'raw') },
        ]),
      ),
      refresh_1pct_vs_concurrently: { title: refreshed, ours: 'merge_ms', theirs: 'refresh_ms' },
    },
    notes: notesOf(told),
  }
}

function notesOf({ data }: Told): readonly string[] {
  return [
    `${data}. Beside each question stands what the original design published of it, before and after. Before anything is timed, each of the six views is compared with what plays add up to, every row and every column.`,
    'From plays: the view of the original design with the same condition, order and limit, on the same partitions and indexes. Statements are prepared by name on all sides; one connection asks. Artists and listeners are those of plays drawn evenly by a seed, so each comes in proportion to its plays. A materialized view is as old as its last refresh; ours are exact to the last commit, but for trending_score, which counts whole hours.',
    'A listener has few plays, which an index finds, and a week is a small part of a year: there is less to save there than where all plays are added up.',
    'Merging goes on in the background every second, and what is not merged yet is in the answers all the same; here it is done at once for all that changed, one rollup after the other, as the materialized views are refreshed.',
    `HTTP, in one process of the service with what it runs in the background (but for refreshing the materialized views, which nothing there reads): ${publishedMix}. Requests start at their times whether or not those before are answered, and latency counts from then; one that fails counts as 10 s. Nothing cached: server and service have just been started, and all requests count (the file cache of the machine stays). Service, load and server share the cores.`,
  ]
}
