-- Built without stopping anybody, for these tables may be large by the time that the indexes come. Snapshots have their primary keys, which
-- begin with what they are asked by.

-- up
-- Pages of wallets, in the order in which they came, those with a balance of some value among them: deep pages skip rows of the index alone.
create index concurrently "Wallet_created_idx" on "Wallet" ("createdAt", id) include ("topUsd");
-- How many have a balance of some value, and which, where they are few.
create index concurrently "Wallet_top_idx" on "Wallet" ("topUsd");
-- The largest holdings of a wallet, ties in the order of their tokens.
create index concurrently "TokenBalance_value_idx" on "TokenBalance" ("walletId", "usdValue" desc, "tokenId");
-- Who has a token: when its price moves, and when it goes.
create index concurrently "TokenBalance_token_idx" on "TokenBalance" ("tokenId");
create index concurrently "GovernanceLock_wallet_idx" on "GovernanceLock" ("walletId", "unlocksAt");
create index concurrently "GovernanceLock_token_idx" on "GovernanceLock" ("tokenId");
-- A whole matrix is read at once.
create index concurrently "AssetCorrelation_timeframe_idx" on "AssetCorrelation" (timeframe, "computedAt");
create index concurrently "AssetCorrelation_b_idx" on "AssetCorrelation" ("tokenBId", timeframe);
create index concurrently "Alert_wallet_idx" on "Alert" ("walletId", id)
where "walletId" is not null;
create index concurrently "Alert_token_idx" on "Alert" ("tokenId")
where "tokenId" is not null;
-- What is looked at again and again.
create index concurrently "Alert_watched_idx" on "Alert" (kind, id)
where status <> 'paused';
create index concurrently "AlertEvent_pending_idx" on "AlertEvent" ("nextAttemptAt", id)
where "deliveredAt" is null and "failedAt" is null;

-- down
drop index concurrently "AlertEvent_pending_idx";
drop index concurrently "Alert_watched_idx";
drop index concurrently "Alert_token_idx";
drop index concurrently "Alert_wallet_idx";
drop index concurrently "AssetCorrelation_b_idx";
drop index concurrently "AssetCorrelation_timeframe_idx";
drop index concurrently "GovernanceLock_token_idx";
drop index concurrently "GovernanceLock_wallet_idx";
drop index "TokenBalance_token_idx";
drop index "TokenBalance_value_idx";
drop index concurrently "Wallet_top_idx";
drop index concurrently "Wallet_created_idx";
