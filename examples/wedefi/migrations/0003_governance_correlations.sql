-- Tokens that are locked for votes, and how the returns of two tokens go together: of each pair one row for each timeframe, the lesser id
-- first; of one that has too few samples, or a price that stands still, the correlation is null.

-- up
create table "GovernanceLock" (
  id text collate "C" primary key default gen_random_uuid()::text,
  "walletId" text collate "C" not null references "Wallet" on delete cascade,
  protocol text not null check (length(protocol) between 1 and 60),
  "tokenId" text collate "C" not null references "Token",
  amount numeric(38, 18) not null check (amount >= 0),
  "votingPower" numeric(38, 18) not null check ("votingPower" >= 0),
  "lockedAt" timestamptz not null default now(),
  "unlocksAt" timestamptz not null,
  check ("unlocksAt" > "lockedAt")
);

create table "AssetCorrelation" (
  "tokenAId" text collate "C" not null references "Token" on delete cascade,
  "tokenBId" text collate "C" not null references "Token" on delete cascade,
  timeframe text not null check (timeframe in ('24h', '7d', '30d', '90d', '1y')),
  correlation double precision check (correlation between -1 and 1),
  samples integer not null check (samples >= 1),
  "computedAt" timestamptz not null default now(),
  primary key ("tokenAId", "tokenBId", timeframe),
  check ("tokenAId" < "tokenBId")
);

-- down
drop table "AssetCorrelation";
drop table "GovernanceLock";
