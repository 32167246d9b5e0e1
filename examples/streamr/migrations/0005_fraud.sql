-- What a rule found about a node, and whether that is over. While it is not, a rule finds it once.

-- up
create table fraud_findings (
  finding_id bigint generated always as identity primary key,
  node_id text not null references nodes on delete cascade,
  stream_id text not null references streams,
  rule text not null,
  evidence jsonb not null default '{}',
  found_at timestamptz not null default now(),
  resolved_at timestamptz
);
create unique index fraud_findings_open_idx on fraud_findings (node_id, rule)
where resolved_at is null;
create index fraud_findings_stream_idx on fraud_findings (stream_id, finding_id desc);
create index fraud_findings_node_idx on fraud_findings (node_id);

-- down
drop table fraud_findings;
