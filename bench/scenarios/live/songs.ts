// What is written and watched: songs, each play of which is a row of its own and counts at the song.

import { count, openStrata, resolveConfig, type Strata } from 'pgstrata'

export const songs = 1_000

export interface SongsOptions {
  readonly url: string
  readonly source?: 'wal' | 'outbox'
}

/** As an application declares it. Lists are of the rollup; the process that runs the feed serves everybody. */
export function openSongs({ url, source = 'wal' }: SongsOptions): Strata {
  const config = {
    database: { primary: url },
    changes: { tables: ['song'], source },
    rollups: {
      song_plays: {
        from: 'play',
        time: 'played_at',
        bucket: '1 hour',
        by: ['song_id'],
        measures: { plays: count() },
        totals: { windows: { '1d': '1 day' }, index: ['plays_1d desc'] },
      },
    },
    live: {
      tables: { song: { columns: ['plays', 'at_us'] } },
      tops: { song_plays: ['plays_1d'] },
      through: 'process',
      connectionsPerAddress: 10_000,
    },
  } as const
  return openStrata(resolveConfig<unknown>(config, { root: '.', name: 'bench' }))
}

export const songTables: readonly string[] = [
  'create table song (id int primary key, title text not null, plays bigint not null, at_us bigint not null)',
  `insert into song select n, 'Song number ' || n, 0, 0 from generate_series(1, ${songs}) n`,
  'create index on song (plays desc)',
  `create table play (
    id bigint generated always as identity primary key, song_id int not null, played_at timestamptz not null)`,
]

/** What one writes by hand: the row as a payload. */
export const notifyTrigger: readonly string[] = [
  `create function tell() returns trigger language plpgsql as $$
    begin
      perform pg_notify('song', json_build_object('id', new.id, 'plays', new.plays::text, 'at_us', new.at_us::text)::text);
      return null;
    end $$`,
  'create trigger tell after insert or update on song for each row execute function tell()',
]

/** $1 the song, $2 when it was sent. */
export const playSong = `with played as (insert into play (song_id, played_at) values ($1, now()))
  update song set plays = plays + 1, at_us = $2 where id = $1`
