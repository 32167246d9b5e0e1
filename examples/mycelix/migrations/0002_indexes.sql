-- Indexes on tables that may be large by now: built without stopping anybody. No marker says that they cannot run in
-- a transaction; the parser knows.

-- up
create index concurrently song_artist_id_idx on song (artist_id);
create index concurrently play_song_id_played_at_idx on play (song_id, played_at);
create index concurrently play_played_at_idx on play (played_at);

-- down
drop index concurrently play_played_at_idx;
drop index concurrently play_song_id_played_at_idx;
drop index concurrently song_artist_id_idx;
