-- What was true at a moment: prices of tokens, values of portfolios and of their positions. `apply` cuts these tables into months, so their
-- keys have the time in them. No foreign keys: history stays true when a wallet or a token goes, old months are packed and archived where
-- no key would be enforced, and each of 50,000 prices a day would lock the row of its token.

-- up
create table "PriceSnapshot" (
  "tokenId" text collate "C" not null,
  "priceUsd" numeric(30, 12) not null check ("priceUsd" >= 0 and "priceUsd" < 'NaN'),
  "recordedAt" timestamptz not null default now(),
  primary key ("tokenId", "recordedAt")
);

create table "PortfolioSnapshot" (
  "walletId" text collate "C" not null,
  "capturedAt" timestamptz not null default now(),
  "totalUsd" numeric(24, 8) not null check ("totalUsd" >= 0),
  primary key ("walletId", "capturedAt")
);

create table "PositionSnapshot" (
  "walletId" text collate "C" not null,
  "tokenId" text collate "C" not null,
  "capturedAt" timestamptz not null default now(),
  quantity numeric(38, 18) not null check (quantity >= 0),
  "usdValue" numeric(24, 8) not null check ("usdValue" >= 0),
  primary key ("walletId", "tokenId", "capturedAt")
);

-- down
drop table "PositionSnapshot";
drop table "PortfolioSnapshot";
drop table "PriceSnapshot";
