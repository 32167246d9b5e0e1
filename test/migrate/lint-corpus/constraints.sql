-- case: check
alter table plays add constraint plays_ms_positive check (ms > 0);
-- case: check not valid
alter table plays add constraint plays_ms_positive check (ms > 0) not valid;
-- case: check unnamed
alter table plays add check (ms > 0);
-- case: check not valid then validate in transactions of their own
begin;
alter table plays add constraint plays_ms_positive check (ms > 0) not valid;
commit;
begin;
alter table plays validate constraint plays_ms_positive;
commit;
-- case: check not valid then validate in one transaction
begin;
alter table plays add constraint plays_ms_positive check (ms > 0) not valid;
alter table plays validate constraint plays_ms_positive;
commit;
-- case: check not valid then validate without begin
alter table plays add constraint plays_ms_positive check (ms > 0) not valid;
alter table plays validate constraint plays_ms_positive;
-- case: validate alone
alter table plays validate constraint plays_ms_positive;
-- case: check not enforced
alter table plays add constraint plays_ms_positive check (ms > 0) not enforced;
-- case: foreign key
alter table plays add constraint plays_track_fk foreign key (track_id) references tracks (id);
-- case: foreign key not valid
alter table plays add constraint plays_track_fk foreign key (track_id) references tracks (id) not valid;
-- case: foreign key with actions
alter table only app.plays add constraint plays_track_fk foreign key (track_id) references app.tracks (id) on delete cascade deferrable initially deferred;
-- case: foreign key unnamed
alter table plays add foreign key (track_id) references tracks;
-- case: foreign key not valid then validate in one transaction
begin;
alter table plays add constraint plays_track_fk foreign key (track_id) references tracks (id) not valid;
alter table plays validate constraint plays_track_fk;
commit;
-- case: column with references
alter table plays add column track_id bigint references tracks (id);
-- case: column with references and a default
alter table plays add column source_id bigint default 1 references sources (id);
-- case: foreign key on a table made here
begin;
create table likes (user_id bigint not null, track_id bigint not null);
alter table likes add constraint likes_track_fk foreign key (track_id) references tracks (id);
commit;
-- case: table with references
create table if not exists likes (user_id bigint not null references users (id), track_id bigint not null);
-- case: unique
alter table users add constraint users_email_key unique (email);
-- case: unique unnamed
alter table users add unique (email);
-- case: unique nulls not distinct
alter table users add constraint users_email_key unique nulls not distinct (email);
-- case: unique using index
alter table users add constraint users_email_key unique using index users_email_idx;
-- case: column with unique
alter table users add column handle text unique;
-- case: unique on a table made here
begin;
create table genres (id bigint generated always as identity primary key, name text);
alter table genres add constraint genres_name_key unique (name);
commit;
-- case: primary key
alter table plays add primary key (id);
-- case: primary key named
alter table plays add constraint plays_pkey primary key (id, at);
-- case: primary key using index
alter table plays add constraint plays_pkey primary key using index plays_id_idx;
-- case: column with primary key
alter table plays add column id bigint primary key;
-- case: serial primary key column
alter table plays add column id bigserial primary key;
-- case: exclusion
alter table bookings add constraint bookings_apart exclude using gist (room with =, during with &&);
-- case: not null constraint
alter table plays add constraint plays_track_id_nn not null track_id;
-- case: not null constraint not valid
alter table plays add constraint plays_track_id_nn not null track_id not valid;
-- case: drop constraint
alter table plays drop constraint plays_ms_positive;
-- case: drop constraint if exists
alter table plays drop constraint if exists plays_ms_positive;
-- case: replace a constraint
alter table plays drop constraint if exists plays_ms_positive;
alter table plays add constraint plays_ms_positive check (ms >= 0) not valid;
-- case: two constraints in one statement
alter table plays add constraint plays_ms_positive check (ms > 0) not valid, add constraint plays_track_fk foreign key (track_id) references tracks (id) not valid;
-- case: check with a new column
alter table plays add column if not exists rating int check (rating between 1 and 5);
-- case: rename constraint
alter table plays rename constraint plays_ms_positive to plays_ms_check;
-- case: constraint deferrable
alter table plays alter constraint plays_track_fk deferrable;
