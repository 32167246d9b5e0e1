-- Wallets, tokens, what each wallet has of each. Names are in mixed case, so every statement quotes them. Ids are uuids as text, in the
-- order of bytes: which token of a pair comes first must not depend on the locale of a server.

-- up
create table "Wallet" (
  id text collate "C" primary key default gen_random_uuid()::text,
  address text not null check (address ~ '^0x[0-9a-f]{40}$'),
  label text check (length(label) between 1 and 100),
  "chainId" integer not null check ("chainId" > 0),
  "createdAt" timestamptz not null default now(),
  -- Its largest balance, and the band of value that is in; null: it has none. Kept by triggers of "TokenBalance", in 0007.
  "topUsd" numeric(24, 8),
  "topBand" smallint,
  unique (address, "chainId")
);

create table "Token" (
  id text collate "C" primary key default gen_random_uuid()::text,
  symbol text not null check (length(symbol) between 1 and 20),
  name text not null check (length(name) between 1 and 100),
  decimals integer not null check (decimals between 0 and 36),
  "chainId" integer not null check ("chainId" > 0),
  address text not null check (address ~ '^0x[0-9a-f]{40}$'),
  unique (address, "chainId")
);

-- `apply` divides it by the hash of the wallet. Room in each page: a balance is written again and again.
create table "TokenBalance" (
  "walletId" text collate "C" not null references "Wallet" on delete cascade,
  "tokenId" text collate "C" not null references "Token",
  quantity numeric(38, 18) not null check (quantity >= 0),
  "usdValue" numeric(24, 8) not null check ("usdValue" >= 0),
  "updatedAt" timestamptz not null default now(),
  primary key ("walletId", "tokenId")
);

-- down
drop table "TokenBalance";
drop table "Token";
drop table "Wallet";
