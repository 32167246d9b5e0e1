// The first version: migrations, the plan's journal, what is managed, leases, backfills.

import type { SchemaVersion } from './version.ts'

export const version1: SchemaVersion = {
  version: 1,
  tables: ['installation', 'migration', 'plan_step', 'managed_object', 'lease', 'backfill'],
  title: 'schema "pgstrata": migrations, plan journal, managed objects, leases, backfills',
  statements: [
    `create schema if not exists pgstrata`,
    `comment on schema pgstrata is 'Kept by pgstrata (npm). Look, but let pgstrata change it.'`,
    `create table pgstrata.installation (
  version integer primary key,
  installed_at timestamptz not null default now(),
  installed_by text not null default current_user
)`,
    `comment on table pgstrata.installation is 'One row for each version of this schema that was installed.'`,
    `create table pgstrata.migration (
  name text primary key,
  sequence bigint generated always as identity,
  checksum text not null,
  content text not null,
  direction text not null default 'up' check (direction in ('up', 'down')),
  state text not null default 'running' check (state in ('running', 'done')),
  statements_done integer not null default 0 check (statements_done >= 0),
  in_flight jsonb,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  run_by text not null default current_user
)`,
    `comment on table pgstrata.migration is 'Migrations applied or under way. statements_done and in_flight say where to go on after a crash.'`,
    `create table pgstrata.plan_step (
  id text primary key,
  feature text not null,
  title text not null,
  statements text[] not null,
  state text not null default 'running' check (state in ('running', 'done')),
  statements_done integer not null default 0 check (statements_done >= 0),
  in_flight jsonb,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  run_by text not null default current_user
)`,
    `comment on table pgstrata.plan_step is 'The journal of pgstrata apply: one row for each step begun.'`,
    `create table pgstrata.managed_object (
  identity text primary key,
  feature text not null,
  definition text not null,
  server_major integer not null,
  recorded_at timestamptz not null default clock_timestamp()
)`,
    `comment on table pgstrata.managed_object is 'How each object that pgstrata made looked when it was left: what differs now was changed by hand.'`,
    `create table pgstrata.lease (
  name text primary key,
  holder text not null,
  fence bigint not null default 1,
  expires_at timestamptz not null
)`,
    `comment on table pgstrata.lease is 'Who may do a thing now. fence grows with each holder.'`,
    `create table pgstrata.backfill (
  name text primary key,
  fingerprint text not null,
  position text[],
  rows_done bigint not null default 0,
  state text not null default 'running' check (state in ('running', 'done')),
  started_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
)`,
    `comment on table pgstrata.backfill is 'How far each backfill has come: position is the key of the last row of the last committed batch.'`,
  ],
}
