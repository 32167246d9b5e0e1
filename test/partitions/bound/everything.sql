create schema "My Sch";
set search_path to "My Sch";
create table songs (id bigint primary key, label text);
create table guarded (id bigint, note text);
create table logged (what text);
create function touch() returns trigger language plpgsql as $$ begin if tg_op = 'DELETE' then return old; end if; return new; end $$;
create function look() returns trigger language plpgsql as $$ begin return null; end $$;
create table "Plays" (
  gone integer,
  id bigint generated always as identity (start with 5 increment by 2 cache 3),
  n serial,
  at timestamptz not null default now(),
  song_id bigint,
  parent_id bigint,
  parent_at timestamptz,
  "Listener" text collate "C" not null default 'no''body',
  amount numeric(10, 2) not null default 1.5,
  doubled numeric generated always as (amount * 2) stored,
  tags text[],
  slug text,
  extra jsonb default '{}',
  constraint "Plays_pkey" primary key (id),
  constraint "one of a time" unique (id, at),
  constraint slugs unique nulls not distinct (slug) include (amount) with (fillfactor = 80) deferrable initially deferred,
  constraint "has amount" check (amount > 0)
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_enabled = false);
alter table "Plays" drop column gone;
alter table "Plays" add constraint doubtful check (length(slug) < 100) not valid;
alter table "Plays" add constraint song foreign key (song_id) references songs (id) match full on update cascade on delete set null deferrable initially deferred;
alter table "Plays" add constraint parent foreign key (parent_id, parent_at) references "Plays" (id, at);
alter table "Plays" alter column "Listener" set storage external, alter column "Listener" set compression pglz, alter column "Listener" set statistics 321;
alter table "Plays" alter column song_id set (n_distinct = 500);
create unique index "n at" on "Plays" (n, at desc) include (amount) with (fillfactor = 70);
create unique index included on "Plays" (slug, "Listener") include (n, at);
create unique index "lower slug" on "Plays" (lower(slug));
create unique index "only rare" on "Plays" (n) where amount > 5;
create index "Plays_song_id_idx" on "Plays" (song_id, at desc nulls last);
create index partial on "Plays" (amount) where slug <> ' WHERE (';
create index expressed on "Plays" ((amount + 1), lower("Listener") text_pattern_ops);
alter index expressed alter column 1 set statistics 77;
create index tagged on "Plays" using gin (tags);
create index timed on "Plays" using brin (at) with (pages_per_range = 16);
create index song_id_idx on "Plays" (song_id);
create index hashed on "Plays" using hash ("Listener");
create statistics "some stats" (dependencies, ndistinct) on song_id, amount from "Plays";
alter statistics "some stats" set statistics 55;
create table refs (play_id bigint, play_at timestamptz, note text, constraint to_play foreign key (play_id, play_at) references "Plays" (id, at) on delete cascade);
create table narrow (play_id bigint, constraint to_id foreign key (play_id) references "Plays" (id));
create trigger before_row before insert or update of slug on "Plays" for each row when (new.slug is not null) execute function touch();
create trigger after_all after insert on "Plays" referencing new table as fresh for each statement execute function look();
create constraint trigger checked after insert on "Plays" deferrable initially deferred for each row execute function look();
create trigger silent after update on "Plays" for each row execute function look();
alter table "Plays" disable trigger silent;
create trigger loud before delete on "Plays" for each row execute function touch();
alter table "Plays" enable always trigger loud;
create rule noted as on delete to "Plays" do also insert into logged (what) values ('gone');
create rule from_elsewhere as on insert to logged where new.what = 'purge' do also delete from "Plays" where slug = new.what;
create view big with (security_barrier = true, check_option = local) as select id, at, amount from "Plays" where amount > 3;
create view bigger as select id from big where amount > 30;
create view joined (play, song) as select p.id, s.label from "Plays" p join songs s on s.id = p.song_id;
alter view big alter column amount set default 7;
create function how_many() returns bigint language sql stable begin atomic select count(*) from "Plays"; end;
create function by_name() returns bigint language sql as 'select count(*) from "My Sch"."Plays"';
alter table "Plays" enable row level security, force row level security;
create policy mine on "Plays" for select to public using ("Listener" = current_user or slug in (select label from songs));
create policy not_yours on "Plays" as restrictive for update to pgstrata_bound_reader using (amount < 100) with check (amount < 50);
alter table guarded enable row level security;
create policy seen on guarded using (exists (select from "Plays" p where p.id = guarded.id));
grant select on "Plays" to pgstrata_bound_reader with grant option;
grant update (slug, amount) on "Plays" to pgstrata_bound_reader;
grant select on big, joined to pgstrata_bound_reader;
grant usage on sequence "Plays_id_seq" to pgstrata_bound_reader;
comment on sequence "Plays_id_seq" is 'numbers';
comment on table "Plays" is 'what was played';
comment on column "Plays"."Listener" is 'who';
comment on constraint "has amount" on "Plays" is 'checked';
comment on constraint doubtful on "Plays" is 'not checked';
comment on constraint song on "Plays" is 'of a song';
comment on constraint parent on "Plays" is 'of itself';
comment on constraint to_play on refs is 'in';
comment on constraint "Plays_pkey" on "Plays" is 'key';
comment on index "Plays_pkey" is 'key index';
comment on index tagged is 'tags';
comment on trigger before_row on "Plays" is 'trigger';
comment on rule noted on "Plays" is 'rule';
comment on policy mine on "Plays" is 'policy';
comment on policy seen on guarded is 'elsewhere';
comment on statistics "some stats" is 'stats';
comment on view big is 'view';
alter table "Plays" replica identity using index "n at";
create publication listed for table "Plays" (id, at, n, amount) where (amount > 1), table songs;
create publication rooted for table "Plays" with (publish_via_partition_root = true, publish = 'insert');
grant usage, create on schema "My Sch" to pgstrata_bound_owner;
grant all on songs, refs, narrow to pgstrata_bound_owner;
alter table "Plays" owner to pgstrata_bound_owner;
reset search_path;
