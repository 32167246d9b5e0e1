-- Built without stopping anybody, for these tables may be large by the time that the indexes come.

-- up
-- The last plays of an artist, of a song, of a listener. The primary key of plays begins with the time alone.
create index concurrently plays_artist_idx on plays (artist_address, played_at);
create index concurrently plays_song_idx on plays (song_id, played_at);
-- With the song: what somebody listened to is read from the index alone.
create index concurrently plays_listener_idx on plays (listener_address, played_at) include (song_id);

create index concurrently songs_artist_idx on songs (artist_address);
create index concurrently songs_genre_idx on songs (genre);
create index concurrently songs_created_idx on songs (created_at);

create index concurrently payments_artist_idx on payments (artist_address, paid_at);
create index concurrently payments_payer_idx on payments (payer_address, paid_at);
create index concurrently payments_song_idx on payments (song_id)
where song_id is not null;
create index concurrently payments_time_idx on payments (paid_at);

-- down
drop index concurrently payments_time_idx;
drop index concurrently payments_song_idx;
drop index concurrently payments_payer_idx;
drop index concurrently payments_artist_idx;
drop index concurrently songs_created_idx;
drop index concurrently songs_genre_idx;
drop index concurrently songs_artist_idx;
drop index plays_listener_idx;
drop index plays_song_idx;
drop index plays_artist_idx;
