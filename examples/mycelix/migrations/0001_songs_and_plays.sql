-- up
create table artist (
  id bigint generated always as identity primary key,
  name text not null,
  created_at timestamptz not null default now()
);

create table song (
  id bigint generated always as identity primary key,
  artist_id bigint not null references artist (id),
  title text not null,
  genre text not null,
  created_at timestamptz not null default now()
);

create table play (
  id bigint generated always as identity primary key,
  song_id bigint not null references song (id),
  listener text not null,
  played_at timestamptz not null default now(),
  duration_s integer not null check (duration_s >= 0),
  amount numeric(20, 8) not null default 0
);

-- down
drop table play;
drop table song;
drop table artist;
