-- Streams, the nodes that carry them, and what was measured of each node. Names of streams and nodes are in the order of bytes: whoever is
-- before whom is part of how a remainder is shared out, and must not depend on the locale of a server.

-- up
create table streams (
  stream_id text collate "C" primary key,
  sponsor_address text not null,
  token_balance numeric(38, 0) not null default 0 check (token_balance >= 0),
  rtmp_url text not null,
  status text not null default 'ACTIVE' check (status in ('PENDING', 'ACTIVE', 'PAUSED', 'ENDED')),
  reward_per_hour numeric(38, 0) not null default 0 check (reward_per_hour >= 0),
  viewers integer not null default 0 check (viewers >= 0),
  excluded boolean not null default false,
  created_at timestamptz not null default now()
);

-- Room in each page: a heartbeat changes a row once a minute or so, and no index has that column.
create table nodes (
  node_id text collate "C" primary key,
  stream_id text collate "C" not null references streams,
  stats_url text not null,
  address inet,
  last_heartbeat timestamptz,
  status text not null default 'PENDING' check (status in ('PENDING', 'ACTIVE', 'STALE', 'OFFLINE', 'SUSPENDED')),
  created_at timestamptz not null default now()
) with (fillfactor = 70);

-- No id and no foreign keys: rows are only added, by a prober that has just read its nodes, and go by the day after 90 days. A check of
-- each measurement against streams and nodes would cost more than the measurement, and keep nodes from being deleted.
create table probe_results (
  stream_id text collate "C" not null,
  node_id text collate "C" not null,
  probe_type text not null check (probe_type in ('stats_poll', 'spot_check')),
  success boolean not null,
  response_data jsonb,
  error_message text,
  probe_timestamp timestamptz not null default now()
);

-- down
drop table probe_results;
drop table nodes;
drop table streams;
