-- What was paid in FLOW: streams are settled now and then, in one transfer for many plays; gifts, patronage and auctions as they come.

-- up
create table payments (
  payment_id bigint generated always as identity primary key,
  payer_address text not null references listeners on update cascade,
  artist_address text not null references artists on update cascade,
  song_id bigint references songs,
  kind text not null check (kind in ('stream', 'gift', 'patronage', 'auction')),
  amount numeric(20, 8) not null check (amount >= 0),
  paid_at timestamptz not null default now()
);

-- down
drop table payments;
