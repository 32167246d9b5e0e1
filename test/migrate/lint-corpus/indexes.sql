-- case: plain index
create index plays_track_idx on plays (track_id);
-- case: plain unique index
create unique index users_email_idx on users (email);
-- case: index concurrently
create index concurrently plays_track_idx on plays (track_id);
-- case: index concurrently if not exists
create index concurrently if not exists plays_track_idx on plays (track_id);
-- case: unnamed index
create index on plays (track_id);
-- case: index on expression
create index users_email_lower_idx on users (lower(email));
-- case: partial gin index
create index plays_context_idx on app.plays using gin (context) where context is not null;
-- case: index on only
create index plays_at_idx on only plays (at);
-- case: index on a table made here
begin;
create table if not exists genres (id bigint generated always as identity primary key, name text not null);
create index genres_name_idx on genres (name);
commit;
-- case: index on a table made here without begin
create table if not exists genres (id bigint generated always as identity primary key, name text not null);
create index if not exists genres_name_idx on genres (name);
-- case: index concurrently in a transaction
begin;
create index concurrently plays_track_idx on plays (track_id);
commit;
-- case: index concurrently after a transaction
begin;
alter table plays add column country text;
commit;
create index concurrently if not exists plays_country_idx on plays (country);
-- case: drop index
drop index plays_track_idx;
-- case: drop index concurrently
drop index concurrently plays_track_idx;
-- case: drop index concurrently if exists
drop index concurrently if exists app.plays_track_idx;
-- case: drop two indexes
drop index if exists plays_track_idx, plays_at_idx;
-- case: drop index in a transaction
begin;
drop index plays_track_idx;
commit;
-- case: drop index concurrently in a transaction
begin;
drop index concurrently plays_track_idx;
commit;
-- case: reindex table
reindex table plays;
-- case: reindex index
reindex index plays_track_idx;
-- case: reindex schema
reindex schema app;
-- case: reindex table concurrently
reindex table concurrently plays;
-- case: reindex with options
reindex (concurrently, verbose) index plays_track_idx;
-- case: reindex with concurrently off
reindex (concurrently false) table plays;
-- case: wide index
create index concurrently if not exists plays_wide_idx on plays (track_id, country, device, at);
-- case: drop and make anew
drop index concurrently if exists plays_track_idx;
create index concurrently if not exists plays_track_idx on plays (track_id, at);
-- case: alter index rename
alter index plays_track_idx rename to plays_by_track_idx;
-- case: alter index attach
alter index events_at_idx attach partition events_2026_01_at_idx;
