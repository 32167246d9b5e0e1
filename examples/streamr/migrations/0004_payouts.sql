-- What was paid, by which run, and the ledger of it: of each run the amounts in the ledger come to nothing.

-- up
create table payout_runs (
  run_id bigint generated always as identity primary key,
  as_of timestamptz not null,
  hours_back integer not null check (hours_back > 0),
  computed_by text not null,
  streams integer not null default 0,
  nodes integer not null default 0,
  total numeric(38, 0) not null default 0,
  duration_ms numeric(12, 3),
  created_at timestamptz not null default now(),
  unique (as_of, hours_back)
);

-- A node that changed its stream within the time is paid by both. `paid_for` is the `as_of` of its run: what earnings are summed up by.
create table payout_lines (
  run_id bigint not null references payout_runs on delete cascade,
  stream_id text collate "C" not null,
  node_id text collate "C" not null,
  weight numeric(38, 0) not null check (weight > 0),
  amount numeric(38, 0) not null check (amount >= 0),
  paid_for timestamptz not null,
  primary key (run_id, stream_id, node_id)
);
create index payout_lines_node_idx on payout_lines (node_id, run_id desc);

create table ledger_entries (
  entry_id bigint generated always as identity primary key,
  run_id bigint not null references payout_runs,
  account text not null,
  amount numeric(38, 0) not null,
  created_at timestamptz not null default now()
);
create index ledger_entries_run_idx on ledger_entries (run_id);
create index ledger_entries_account_idx on ledger_entries (account, entry_id desc);

-- down
drop table ledger_entries;
drop table payout_lines;
drop table payout_runs;
