-- What people want to hear of, and that they were told. An alert fires once an episode: the key of its events says so, whoever writes them.
-- Events are the outbox of deliveries: alert and episode are what a receiver knows one by when it comes again. `seenAt` is how far an alert has
-- followed the prices of its token, `nextAttemptAt` when an event may be taken for delivery, `failedAt` when it was given up.

-- up
create table "Alert" (
  id bigint generated always as identity primary key,
  "walletId" text collate "C" references "Wallet" on delete cascade,
  kind text not null check (kind in ('price', 'portfolio', 'risk')),
  "tokenId" text collate "C" references "Token" on delete cascade,
  metric text not null check (length(metric) between 1 and 60),
  direction text not null check (direction in ('above', 'below')),
  threshold numeric not null,
  rearm numeric not null,
  status text not null default 'armed' check (status in ('armed', 'fired', 'paused')),
  episode integer not null default 0 check (episode >= 0),
  "firedAt" timestamptz,
  "seenAt" timestamptz not null default now(),
  "createdAt" timestamptz not null default now(),
  check (kind <> 'price' or "tokenId" is not null),
  check (kind <> 'portfolio' or "walletId" is not null),
  check (kind <> 'risk' or "tokenId" is not null or "walletId" is not null),
  check (case direction when 'above' then rearm <= threshold else rearm >= threshold end)
);

create table "AlertEvent" (
  id bigint generated always as identity primary key,
  "alertId" bigint not null references "Alert" on delete cascade,
  episode integer not null check (episode > 0),
  value numeric not null,
  "at" timestamptz not null default now(),
  "deliveredAt" timestamptz,
  attempts integer not null default 0 check (attempts >= 0),
  "nextAttemptAt" timestamptz not null default now(),
  "failedAt" timestamptz,
  failure text check (length(failure) <= 200),
  unique ("alertId", episode)
);

-- down
drop table "AlertEvent";
drop table "Alert";
