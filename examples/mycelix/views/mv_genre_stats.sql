-- Genres of which there are songs: each column exact to the last commit. Of genres with as many plays the first by name comes first.
select
  g.genre,
  g.songs as total_songs,
  g.artists as total_artists,
  coalesce(ever.plays, 0) as total_plays,
  coalesce(ever.earnings, 0) as total_earnings,
  coalesce(audience.listeners, 0) as unique_listeners,
  coalesce(week.plays, 0) as plays_last_7d,
  row_number() over (order by coalesce(ever.plays, 0) desc, g.genre) as popularity_rank,
  now() as last_refreshed
from genre_catalog_ever as g
left join genre_plays_ever as ever on ever.genre = g.genre
left join genre_audience_ever as audience on audience.genre = g.genre
left join genre_plays_since(now() - interval '7 days') as week on week.genre = g.genre
