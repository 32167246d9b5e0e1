// A table by month as an application has it: two months of 2020 that are long over, everything since in one partition.

import type { Db } from '../../src/db/db.ts'
import { run } from './exchange-support.ts'

/** 4,001 rows in the old months, one now. */
export async function createPlays(db: Db): Promise<void> {
  await run(
    db,
    `create table plays (
      id bigint not null,
      at timestamptz not null,
      song int not null,
      listener text,
      amount numeric(12, 4),
      primary key (id, at)
    ) partition by range (at)`,
    `create table plays_2020_01 partition of plays for values from ('2020-01-01 00:00Z') to ('2020-02-01 00:00Z')`,
    `create table plays_2020_02 partition of plays for values from ('2020-02-01 00:00Z') to ('2020-03-01 00:00Z')`,
    `create table plays_to_come partition of plays for values from ('2020-03-01 00:00Z') to ('2100-01-01 00:00Z')`,
    `insert into plays
    select g, timestamptz '2020-01-01 00:00Z' + g * interval '20 minutes', g % 7, 'listener ' || g % 50, g * 0.0125
    from generate_series(0, 4000) as g`,
    `insert into plays values (9000, now(), 1, 'somebody', 1)`,
  )
}

export const tieredTables = {
  plays: { time: 'at', partition: 'month', warm: { after: '30 days', segmentBy: ['song'] } },
} as const
