-- case: update all
update plays set country = 'NL';
-- case: update some
update plays set country = 'NL' where id = 1;
-- case: update same column twice
update plays set country = 'NL', country = 'BE' where id = 1;
-- case: update row twice
update plays set (country, country) = ('NL', 'BE') where id = 1;
-- case: update array elements
update plays set tags[1] = 'a', tags[2] = 'b' where id = 1;
-- case: insert same column twice
insert into plays (id, id) values (1, 2);
-- case: insert on conflict twice
insert into plays (id, country) values (1, 'NL') on conflict (id) do update set country = 'NL', country = 'BE';
-- case: insert
insert into genres (name) values ('jazz');
-- case: merge twice
merge into plays p using stage s on s.id = p.id when matched then update set country = 'NL', country = 'BE';
-- case: delete all
delete from plays;
-- case: delete some
delete from plays where at < '2020-01-01';
-- case: begin in a transaction
begin;
begin;
select 1;
commit;
-- case: commit alone
select 1;
commit;
-- case: rollback
begin;
select 1;
rollback;
-- case: never committed
begin;
select 1;
-- case: start transaction
start transaction;
select 1;
commit;
-- case: savepoint
begin;
savepoint a;
select 1;
release savepoint a;
commit;
-- case: two transactions
begin;
select 1;
commit;
begin;
select 2;
commit;
-- case: long table name
create table if not exists a_table_with_a_name_so_long_that_postgresql_cuts_it_off_somewhere_in_the_middle (id bigint generated always as identity primary key);
-- case: long column name
alter table plays add column if not exists "a column whose name is longer than PostgreSQL keeps, by a good part" text;
-- case: long index name
create index concurrently if not exists plays_by_track_and_country_and_device_and_subscription_and_month_idx on plays (track_id);
-- case: long string is no name
insert into genres (name) values ('a_string_that_is_longer_than_any_identifier_may_be_but_is_not_an_identifier_at_all');
-- case: name of 63 bytes
create index concurrently if not exists a23456789_b23456789_c23456789_d23456789_e23456789_f23456789_g23 on plays (track_id);
-- case: set lock timeout
set lock_timeout = '1s';
alter table plays add column if not exists country text;
-- case: backfill with the column
begin;
alter table plays add column country text;
update plays set country = 'NL' where country is null;
commit;
-- case: select
select count(*) from plays;
-- case: do block
do $$ begin perform 1; end $$;
