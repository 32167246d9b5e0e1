-- Who makes music, who listens, and the songs. Addresses are wallets.

-- up
create table artists (
  artist_address text primary key,
  artist_name text not null,
  created_at timestamptz not null default now()
);

create table listeners (
  listener_address text primary key,
  created_at timestamptz not null default now()
);

-- `strategy`: how a song is paid for. The unique key says nothing that the primary key does not; it is what plays refer to, so that what they
-- carry of a song stays what the song says.
create table songs (
  song_id bigint generated always as identity primary key,
  title text not null,
  artist_address text not null references artists on update cascade,
  genre text not null,
  strategy text not null check (strategy in ('pay-per-stream', 'gift-economy', 'patronage', 'auction')),
  created_at timestamptz not null default now(),
  unique (song_id, artist_address, genre, strategy)
);

-- down
drop table songs;
drop table listeners;
drop table artists;
