// The whole life of six partitions, for the test in which its mover is killed: the table, and its configuration.

import { resolveConfig, type ResolvedConfig } from '../../src/config/index.ts'
import type { Db } from '../../src/db/db.ts'
import { run } from './exchange-support.ts'
import { days, partitionOf } from './life-moves.ts'

/** Of each day; writers never change them. */
export const stillRows = 120

export interface LifePlace {
  readonly url: string
  /** Of the archive and of files on their way. */
  readonly folder: string
  /** What becomes of rows of a day that is cold. */
  readonly outside: 'refuse' | 'default'
}

/** Nothing is due by itself but what somebody asked for. */
export function lifeConfig({ url, folder, outside }: LifePlace): ResolvedConfig {
  return resolveConfig<unknown>(
    {
      database: { primary: url },
      tables: {
        events: {
          time: 'at',
          partition: 'day',
          outside,
          indexes: { by_note: 'note' },
          warm: { after: '100 years', segmentBy: ['kind'] },
          cold: { after: '200 years', grace: '1 hour' },
        },
      },
      rollups: {
        kind_hours: {
          from: 'events',
          bucket: '1 hour',
          by: ['kind'],
          measures: {
            events: { kind: 'count' },
            amount: { kind: 'sum', of: 'amount' },
            most: { kind: 'max', of: 'amount' },
          },
        },
      },
      archive: { to: `${folder}/store`, work: `${folder}/work` },
    },
    { root: folder, name: 'pgstrata.config.ts' },
  )
}

export async function createLife(db: Db): Promise<void> {
  await run(
    db,
    `create table events (
      id bigint not null,
      at timestamptz not null,
      kind int not null,
      amount numeric(12, 2),
      note text,
      primary key (id, at)
    ) partition by range (at)`,
    ...days.map(
      (day) =>
        `create table ${partitionOf(day)} partition of events for values from ('2026-01-0${day} 00:00Z') to ('2026-01-0${day + 1} 00:00Z')`,
    ),
    `insert into events
    select d * 1000 + g, timestamptz '2026-01-01 00:00Z' + (d - 1) * interval '1 day' + g * interval '10 minutes', g % 3, g * 0.25, 'note ' || g
    from unnest('{1, 2, 3, 4, 5, 6}'::int[]) as d, generate_series(1, ${stillRows}) as g`,
  )
}
