-- case: create table
create table genres (id bigint generated always as identity primary key, name text not null);
-- case: create table if not exists
create table if not exists genres (id bigint generated always as identity primary key, name text not null);
-- case: create table with schema
create table if not exists app.genres (id bigint generated always as identity primary key);
-- case: drop table
drop table plays;
-- case: drop table if exists
drop table if exists plays;
-- case: drop table cascade
drop table if exists app.plays cascade;
-- case: drop two tables
drop table if exists plays, tracks;
-- case: drop a table made here
begin;
create table stage (n bigint);
drop table stage;
commit;
-- case: drop database
drop database app;
-- case: drop database if exists
drop database if exists app;
-- case: drop schema
drop schema app;
-- case: drop schema cascade
drop schema app cascade;
-- case: drop view
drop view if exists top_tracks;
-- case: rename table
alter table plays rename to listens;
-- case: rename view
alter view top_tracks rename to best_tracks;
-- case: rename table with a view left
begin;
alter table plays rename to listens;
create view plays as select * from listens;
commit;
-- case: rename schema
alter schema app rename to core;
-- case: set schema
alter table plays set schema archive;
-- case: truncate
truncate plays;
-- case: truncate two
truncate table plays, tracks restart identity;
-- case: truncate cascade
truncate tracks cascade;
-- case: truncate in a transaction cascade
begin;
truncate table app.tracks restart identity cascade;
commit;
-- case: vacuum full
vacuum full plays;
-- case: vacuum full option
vacuum (full, analyze) plays;
-- case: vacuum full all
vacuum full;
-- case: vacuum
vacuum analyze plays;
-- case: vacuum full off
vacuum (full off) plays;
-- case: cluster
cluster plays using plays_pkey;
-- case: cluster all
cluster;
-- case: set tablespace
alter table plays set tablespace slow_disks;
-- case: set unlogged
alter table plays set unlogged;
-- case: set fillfactor
alter table plays set (fillfactor = 80);
-- case: lock table
begin;
lock table plays in exclusive mode;
commit;
-- case: enable row security
alter table plays enable row level security;
-- case: disable trigger
alter table plays disable trigger plays_touch;
-- case: owner
alter table plays owner to app;
-- case: attach partition
alter table events attach partition events_2026 for values from ('2026-01-01') to ('2027-01-01');
-- case: detach partition
alter table events detach partition events_2024;
-- case: detach partition concurrently
alter table events detach partition events_2024 concurrently;
-- case: detach partition finalize
alter table events detach partition events_2024 finalize;
-- case: create partition of
create table if not exists events_2027 partition of events for values from ('2027-01-01') to ('2028-01-01');
-- case: refresh materialized view
refresh materialized view top_tracks;
-- case: refresh materialized view concurrently
refresh materialized view concurrently top_tracks;
-- case: create trigger
create trigger plays_touch before update on plays for each row execute function touch();
-- case: create view
create or replace view top_tracks as select track_id, count(*) as n from plays group by 1;
-- case: create function
create function touch() returns trigger language plpgsql as $$ begin drop table plays; return new; end $$;
-- case: comment
comment on table plays is 'alter table plays drop column x';
-- case: grant
grant select on plays to reader;
