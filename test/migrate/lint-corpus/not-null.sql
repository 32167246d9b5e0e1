-- case: set not null
alter table plays alter column track_id set not null;
-- case: set not null by recipe in transactions
begin;
alter table plays add constraint plays_track_id_nn check (track_id is not null) not valid;
commit;
begin;
alter table plays validate constraint plays_track_id_nn;
commit;
begin;
alter table plays alter column track_id set not null;
alter table plays drop constraint plays_track_id_nn;
commit;
-- case: set not null by recipe, constraint of another column
begin;
alter table plays add constraint plays_track_id_nn check (at is not null) not valid;
commit;
begin;
alter table plays validate constraint plays_track_id_nn;
commit;
begin;
alter table plays alter column track_id set not null;
commit;
-- case: set not null by recipe, never validated
begin;
alter table plays add constraint plays_track_id_nn check (track_id is not null) not valid;
commit;
begin;
alter table plays alter column track_id set not null;
commit;
-- case: set not null after a check with and
begin;
alter table plays add constraint plays_nn check (track_id is not null and at is not null) not valid;
commit;
begin;
alter table plays validate constraint plays_nn;
alter table plays alter column track_id set not null;
commit;
-- case: set not null on a table made here
begin;
create table genres (id bigint generated always as identity primary key, name text);
alter table genres alter column name set not null;
commit;
-- case: drop not null
alter table plays alter column track_id drop not null;
-- case: drop not null of two
begin;
alter table plays alter column track_id drop not null, alter column at drop not null;
commit;
