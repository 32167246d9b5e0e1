-- People: their nodes and where those are, their friends, what they say under a stream.

-- up
create table users (
  user_id uuid primary key default gen_random_uuid(),
  wallet_address text not null unique,
  display_name text not null,
  avatar_url text,
  created_at timestamptz not null default now()
);

create table friendships (
  user_id uuid not null references users on delete cascade,
  friend_id uuid not null references users on delete cascade,
  status text not null default 'PENDING' check (status in ('PENDING', 'ACCEPTED', 'DECLINED', 'BLOCKED')),
  created_at timestamptz not null default now(),
  primary key (user_id, friend_id),
  check (user_id <> friend_id)
);

create table comments (
  comment_id bigint generated always as identity primary key,
  stream_id text not null references streams,
  user_id uuid not null references users,
  content text not null check (length(content) between 1 and 2000),
  status text not null default 'VISIBLE' check (status in ('VISIBLE', 'HIDDEN')),
  moderated_by uuid references users,
  moderated_at timestamptz,
  reason text,
  created_at timestamptz not null default now()
);

alter table nodes
  add column user_id uuid references users,
  add column display_name varchar(100),
  add column location_lat decimal(10, 8) check (location_lat between -90 and 90),
  add column location_lon decimal(11, 8) check (location_lon between -180 and 180);

-- down
alter table nodes
  drop column user_id,
  drop column display_name,
  drop column location_lat,
  drop column location_lon;
drop table comments;
drop table friendships;
drop table users;
