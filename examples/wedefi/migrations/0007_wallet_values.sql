-- The largest balance of each wallet, beside the wallet: "has a balance of a thousand dollars or more" is then a question about one row, and
-- pages of such wallets read one index. It is exact in the transaction that writes a balance.
--
-- Who writes balances of a wallet takes the lock of its row first and looks at the balances then, with a snapshot of its own: of two at once
-- the second sees what the first wrote. Locks are taken in the order of ids. Whoever writes to a partition by its own name, or as a replica
-- writes (session_replication_role), passes the triggers by.

-- up
create function wallet_band(value numeric) returns smallint
language sql
immutable
return width_bucket(
  value,
  array[
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000,
    10000000, 20000000, 50000000, 100000000, 200000000, 500000000, 1000000000, 2000000000, 5000000000
  ]::numeric[]
)::smallint;

create function keep_wallet_tops(ids text[]) returns void
language plpgsql
as $$
begin
  -- A statement of its own: the next one sees what is locked, and meets no row that changed meanwhile.
  perform
  from public."Wallet"
  where id = any (ids)
  order by id
  for no key update;
  update public."Wallet" as wallet
  set "topUsd" = found.top,
    "topBand" = public.wallet_band(found.top)
  from (
    select asked.id,
      (
        select balance."usdValue"
        from public."TokenBalance" as balance
        where balance."walletId" = asked.id
        order by balance."usdValue" desc
        limit 1
      ) as top
    from unnest(ids) as asked (id)
  ) as found
  where wallet.id = found.id
    and wallet."topUsd" is distinct from found.top;
end
$$;

create function balances_changed() returns trigger
language plpgsql
as $$
declare
  ids text[] := (select array_agg(distinct "walletId") from changed);
begin
  -- A statement that inserts or updates fires the triggers of both.
  if ids is not null then
    perform public.keep_wallet_tops(ids);
  end if;
  return null;
end
$$;

create function balances_updated() returns trigger
language plpgsql
as $$
declare
  ids text[] := (
    select array_agg("walletId")
    from (
      select "walletId"
      from before
      union
      select "walletId"
      from changed
    ) as both_sides
  );
begin
  if ids is not null then
    perform public.keep_wallet_tops(ids);
  end if;
  return null;
end
$$;

create function balances_truncated() returns trigger
language plpgsql
as $$
begin
  update public."Wallet"
  set "topUsd" = null,
    "topBand" = null
  where "topUsd" is not null;
  return null;
end
$$;

create trigger wallet_tops_insert
after insert on "TokenBalance"
referencing new table as changed
for each statement execute function balances_changed();

create trigger wallet_tops_update
after update on "TokenBalance"
referencing old table as before new table as changed
for each statement execute function balances_updated();

create trigger wallet_tops_delete
after delete on "TokenBalance"
referencing old table as changed
for each statement execute function balances_changed();

create trigger wallet_tops_truncate
after truncate on "TokenBalance"
for each statement execute function balances_truncated();

-- down
drop trigger wallet_tops_truncate on "TokenBalance";
drop trigger wallet_tops_delete on "TokenBalance";
drop trigger wallet_tops_update on "TokenBalance";
drop trigger wallet_tops_insert on "TokenBalance";
drop function balances_truncated();
drop function balances_updated();
drop function balances_changed();
drop function keep_wallet_tops(text[]);
drop function wallet_band(numeric);
