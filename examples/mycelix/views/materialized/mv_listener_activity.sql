-- Listeners by what they played. Of equally frequent genres and strategies the first by name is the favourite.
select
  l.listener_address,
  count(p.play_id) as total_plays,
  count(distinct p.song_id) as unique_songs_played,
  count(distinct p.artist_address) as unique_artists,
  coalesce(sum(p.amount), 0) as total_spent,
  coalesce(sum(p.amount) / nullif(count(p.play_id), 0), 0) as avg_spent_per_play,
  mode() within group (order by p.genre) as favorite_genre,
  mode() within group (order by p.strategy) as favorite_strategy,
  count(*) filter (where p.played_at >= now() - interval '7 days') as plays_last_7d,
  count(*) filter (where p.played_at >= now() - interval '30 days') as plays_last_30d,
  now() as last_refreshed
from public.listeners as l
left join public.plays as p on p.listener_address = l.listener_address
group by l.listener_address
