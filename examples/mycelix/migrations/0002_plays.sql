-- One row for each time that somebody listened. Artist, genre and strategy are those of the song: a change of the song reaches its plays
-- by the foreign key, so they are true, and rollups may count by them. `apply` cuts the table into months; that is why time is in the key.

-- up
create table plays (
  play_id bigint generated always as identity,
  song_id bigint not null,
  artist_address text not null,
  genre text not null,
  strategy text not null,
  listener_address text not null references listeners on update cascade,
  played_at timestamptz not null default now(),
  duration_s integer not null check (duration_s >= 0),
  amount numeric(20, 8) not null default 0 check (amount >= 0),
  primary key (played_at, play_id),
  foreign key (song_id, artist_address, genre, strategy)
    references songs (song_id, artist_address, genre, strategy) on update cascade
);

-- down
drop table plays;
