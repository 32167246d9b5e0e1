// Who asked the server to do what.

export const auditTables: readonly string[] = [
  `create table pgstrata.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  address text,
  action text not null,
  outcome text not null,
  details jsonb not null default '{}'
)`,
  `create index audit_at on pgstrata.audit (at)`,
  `comment on table pgstrata.audit is 'Management calls over HTTP: who, what, and what came of it.'`,
]
