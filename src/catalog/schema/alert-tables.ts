// Alerts: those that stand and those that were, whom they were told to, and what nobody wants to hear of.

export const alertTables: readonly string[] = [
  `create table pgstrata.alert (
  id bigint generated always as identity primary key,
  rule text not null,
  node text not null,
  series text not null,
  severity text not null,
  state text not null check (state in ('pending', 'firing', 'resolved')),
  value double precision not null,
  summary text not null,
  evidence jsonb not null default '{}',
  began_at timestamptz not null,
  well_since timestamptz,
  fired_at timestamptz,
  resolved_at timestamptz,
  seen_at timestamptz not null
)`,
  `create unique index alert_open on pgstrata.alert (rule, node, series) where state <> 'resolved'`,
  `create index alert_history on pgstrata.alert (began_at)`,
  `comment on table pgstrata.alert is 'What rules found: pending until it has lasted, firing until it is over. At most one is open of a rule and series.'`,
  `create table pgstrata.alert_action (
  alert_id bigint not null references pgstrata.alert on delete cascade,
  event text not null check (event in ('fired', 'resolved')),
  action text not null,
  alert_group text not null,
  state text not null check (state in ('due', 'done', 'failed', 'silenced')),
  attempts integer not null default 0,
  due_at timestamptz not null default now(),
  message uuid,
  report jsonb,
  failure text,
  primary key (alert_id, event, action)
)`,
  `create index alert_action_due on pgstrata.alert_action (due_at) where state = 'due'`,
  `create index alert_action_message on pgstrata.alert_action (message) where message is not null`,
  `comment on column pgstrata.alert_action.message is 'Those that go out together, from the first try on.'`,
  `comment on table pgstrata.alert_action is 'What is to be done about an alert, once each, and what came of it.'`,
  `create table pgstrata.alert_silence (
  id bigint generated always as identity primary key,
  rule text,
  node text,
  series text,
  until timestamptz not null,
  reason text not null,
  made_by text not null,
  made_at timestamptz not null default now()
)`,
  `comment on table pgstrata.alert_silence is 'Alerts that raise no action until then; a column that is null stands for all.'`,
]
