// Rows into tables by COPY: who there is in one transaction, then plays and payments, each week of them in one of its own.

import { copyRows, type CopyRow, type MakeBar } from 'pgstrata-example-kit'
import { sql, type Strata } from 'pgstrata'
import { withBar } from './bar.ts'
import { columnsOf, makeCatalogue, readCatalogue, type Catalogue, type CatalogueRows } from './catalogue.ts'
import { createHabits, type Habits } from './choices.ts'
import { withEach } from './each.ts'
import { paymentColumns, paymentsOf } from './payments.ts'
import { playColumns, playsOf, type RowsOptions } from './plays.ts'
import { hoursOf, spansOf } from './rhythm.ts'
import type { Sizes } from './sizes.ts'

export interface Work {
  readonly strata: Strata
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
  readonly bar: MakeBar
  readonly signal: AbortSignal | undefined
}

/** How many rows came. */
export interface Counts {
  readonly plays: number
  readonly payments: number
  readonly songs: number
  readonly artists: number
  readonly listeners: number
}

/** Rows are made in this process while the server takes others: two cores are busy with two. */
const copiesAtOnce = 2
const hoursOfWeek = 7 * 24

export async function fill(work: Work): Promise<Counts> {
  const { sizes, seed } = work
  const { catalogue, ...made } = await fillCatalogue(work)
  const habits = createHabits(catalogue, seed)
  const plays = await fillHours(work, {
    habits,
    total: sizes.plays,
    table: 'plays',
    rows: playsOf,
    columns: playColumns,
  })
  const payments = await fillHours(work, {
    habits,
    total: sizes.payments,
    table: 'payments',
    rows: paymentsOf,
    columns: paymentColumns,
  })
  return { plays, payments, ...made }
}

type Made = Omit<Counts, 'plays' | 'payments'>

/** Songs that are there are played by the listeners who are there. */
async function fillCatalogue({ strata, sizes, seed, now }: Work): Promise<Made & { readonly catalogue: Catalogue }> {
  const there = await readCatalogue(strata.db)
  if (there.songs.length > 0 && there.listeners.length > 0)
    return { catalogue: there, songs: 0, artists: 0, listeners: 0 }
  const { rows } = await strata.db.query<{ id: string }>(sql`
    select nextval(pg_get_serial_sequence('songs', 'song_id'))::text as id
    from generate_series(1, ${sizes.songs}::integer)`)
  const made = makeCatalogue({ sizes, seed, now, songIds: rows.map(({ id }) => id) })
  await strata.tx(async (tx) => {
    for (const table of ['artists', 'listeners', 'songs'] as const satisfies (keyof CatalogueRows)[])
      await copyRows(tx, { table, columns: columnsOf[table], rows: made.rows[table] })
  })
  const { songs, artists, listeners } = made.rows
  return { catalogue: made, songs: songs.length, artists: artists.length, listeners: listeners.length }
}

interface HoursOptions {
  readonly habits: Habits
  readonly total: number
  readonly table: 'plays' | 'payments'
  readonly columns: readonly string[]
  readonly rows: (options: RowsOptions) => Generator<CopyRow>
}

async function fillHours(work: Work, { habits, total, table, rows, columns }: HoursOptions): Promise<number> {
  const { strata, sizes, seed, now, signal } = work
  const spans = spansOf(hoursOf({ total, days: sizes.days, now }), hoursOfWeek)
  const label = table === 'plays' ? 'Plays' : 'Payments'
  let copied = 0
  await withBar(work.bar({ label, total, unit: table }), async (bar) => {
    const copy = async (hours: (typeof spans)[number]): Promise<void> => {
      const source = rows({ habits, seed, hours, signal })
      const count = await copyRows(strata, { table, columns, rows: source, onRows: (some) => bar.add(some) })
      copied += count
    }
    await withEach({ items: spans, atOnce: copiesAtOnce, work: copy })
  })
  return copied
}
