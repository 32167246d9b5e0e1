-- Listeners by what they played, exact to the last commit. Of equally frequent genres and strategies the first by name is the favourite.
select
  l.listener_address,
  coalesce(taste.plays, 0) as total_plays,
  own.songs as unique_songs_played,
  own.artists as unique_artists,
  coalesce(taste.earnings, 0) as total_spent,
  coalesce(taste.earnings / taste.plays, 0) as avg_spent_per_play,
  taste.genre as favorite_genre,
  taste.strategy as favorite_strategy,
  own.plays_7d as plays_last_7d,
  own.plays_30d as plays_last_30d,
  now() as last_refreshed
from listeners as l
cross join lateral (
  select
    sum(t.plays)::bigint as plays,
    sum(t.earnings) as earnings,
    (array_agg(t.genre order by t.of_genre desc, t.genre))[1] as genre,
    (array_agg(t.strategy order by t.of_strategy desc, t.strategy))[1] as strategy
  from (
    select
      genre,
      strategy,
      plays,
      earnings,
      sum(plays) over (partition by genre) as of_genre,
      sum(plays) over (partition by strategy) as of_strategy
    from listener_tastes as e
    where e.listener_address = l.listener_address
  ) as t
) as taste
cross join lateral (
  select
    count(*) as songs,
    count(distinct s.artist_address) as artists,
    coalesce(sum(p.plays_7d), 0)::bigint as plays_7d,
    coalesce(sum(p.plays_30d), 0)::bigint as plays_30d
  from (
    select
      song_id,
      count(*) filter (where played_at >= now() - interval '7 days') as plays_7d,
      count(*) filter (where played_at >= now() - interval '30 days') as plays_30d
    from plays
    where listener_address = l.listener_address
    group by song_id
  ) as p
  join songs as s on s.song_id = p.song_id
) as own
