-- Wallets that meet in sessions, what they report and whom they block, and what clients tell of themselves: keys and constraints, and no
-- other index. Addresses are written in lower case.

-- up
create table users (
  address text primary key check (address ~ '^0x[0-9a-f]{40}$'),
  display_name text check (length(display_name) between 1 and 60),
  bio text check (length(bio) <= 500),
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  status text not null default 'active' check (status in ('active', 'suspended', 'banned')),
  -- Counts sign-outs: tokens that were given out before the last one are none any more.
  token_epoch integer not null default 0
);

-- `a_addr` waits or invites, `b_addr` is who came. `ended_at` is when it was over, also where it never began: declined, cancelled, expired.
-- The state and its times cannot contradict each other, whoever writes.
create table sessions (
  session_id bigint generated always as identity primary key,
  a_addr text not null references users,
  b_addr text references users,
  status text not null default 'waiting',
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  ended_by text,
  expires_at timestamptz,
  constraint sessions_apart check (a_addr <> b_addr),
  constraint sessions_status check (
    status in ('waiting', 'invited', 'active', 'ended', 'declined', 'cancelled', 'expired')
  ),
  constraint sessions_somebody check (
    case status
      when 'waiting' then b_addr is null
      when 'cancelled' then true
      when 'expired' then true
      else b_addr is not null
    end
  ),
  constraint sessions_started check ((started_at is not null) = (status in ('active', 'ended'))),
  constraint sessions_ended check ((ended_at is null) = (status in ('waiting', 'invited', 'active'))),
  constraint sessions_expires check (status not in ('waiting', 'invited') or expires_at is not null),
  constraint sessions_ended_by check (ended_by is null or (ended_at is not null and ended_by in (a_addr, coalesce(b_addr, a_addr))))
);

create table reports (
  report_id bigint generated always as identity primary key,
  session_id bigint not null references sessions,
  reporter text not null references users,
  reported text not null references users,
  reason text not null check (reason in ('spam', 'scam', 'abuse', 'impersonation', 'other')),
  detail text check (length(detail) <= 2000),
  status text not null default 'open',
  created_at timestamptz not null default now(),
  claimed_by text references users,
  claimed_at timestamptz,
  resolved_at timestamptz,
  resolution text check (length(resolution) <= 2000),
  unique (session_id, reporter),
  constraint reports_apart check (reporter <> reported),
  constraint reports_status check (status in ('open', 'claimed', 'dismissed', 'upheld')),
  constraint reports_claimed check (
    (claimed_by is null) = (status = 'open')
    and (claimed_at is null) = (status = 'open')
  ),
  constraint reports_resolved check (
    (resolved_at is null) = (status in ('open', 'claimed'))
    and (resolution is null or resolved_at is not null)
  )
);

-- No foreign key of `blocked`: whether a block is taken tells nobody who is there.
create table blocks (
  blocker text not null references users,
  blocked text not null check (blocked ~ '^0x[0-9a-f]{40}$'),
  created_at timestamptz not null default now(),
  reason text check (length(reason) between 1 and 200),
  primary key (blocker, blocked),
  constraint blocks_apart check (blocker <> blocked)
);

-- No foreign key: a nonce is asked for by wallets that were never here.
create table nonces (
  nonce text primary key check (length(nonce) between 16 and 128),
  address text not null check (address ~ '^0x[0-9a-f]{40}$'),
  purpose text not null default 'login',
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint nonces_order check (expires_at > created_at)
);

-- No foreign keys: events come in by the hundred, and outlive what they are about. The time is part of the key, because the table is to be
-- cut into months.
create table telemetry_events (
  event_id uuid not null,
  created_at timestamptz not null default now(),
  session_id bigint,
  address text,
  kind text not null check (length(kind) between 1 and 40),
  payload jsonb not null default '{}' check (jsonb_typeof(payload) = 'object'),
  primary key (event_id, created_at)
);

create table balances (
  address text not null references users,
  token text not null check (length(token) between 1 and 64),
  amount numeric(38, 0) not null check (amount >= 0),
  updated_at timestamptz not null default now(),
  primary key (address, token)
);

-- down
drop table balances;
drop table telemetry_events;
drop table nonces;
drop table blocks;
drop table reports;
drop table sessions;
drop table users;
