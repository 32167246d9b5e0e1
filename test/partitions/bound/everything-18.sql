set search_path to "My Sch";
alter table "Plays" add column v numeric generated always as (amount * 3) virtual;
alter table "Plays" add constraint "not yet there" not null extra not valid;
alter table "Plays" add constraint "named so" not null song_id;
comment on constraint "named so" on "Plays" is 'there';
alter table "Plays" add constraint loose check (amount < 1000) not enforced;
alter table "Plays" add constraint later foreign key (song_id) references songs (id) not valid;
reset search_path;
