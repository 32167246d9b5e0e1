-- Genres of which there are songs. Of genres with as many plays the first by name comes first.
select
  g.genre,
  g.songs as total_songs,
  g.artists as total_artists,
  coalesce(played.plays, 0) as total_plays,
  coalesce(played.earnings, 0) as total_earnings,
  coalesce(played.listeners, 0) as unique_listeners,
  coalesce(played.week, 0) as plays_last_7d,
  row_number() over (order by coalesce(played.plays, 0) desc, g.genre) as popularity_rank,
  now() as last_refreshed
from (
  select genre, count(*) as songs, count(distinct artist_address) as artists
  from public.songs
  group by genre
) as g
left join (
  select
    genre,
    count(*) as plays,
    sum(amount) as earnings,
    count(distinct listener_address) as listeners,
    count(*) filter (where played_at >= now() - interval '7 days') as week
  from public.plays
  group by genre
) as played on played.genre = g.genre
