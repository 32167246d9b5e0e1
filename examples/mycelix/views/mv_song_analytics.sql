-- Songs by what was played of them. trending_score is of whole hours and at most one merge behind, and comes from an index in its order:
-- the first twenty are read, and no other. All else is exact to the last commit, and looked up for the rows that are asked for.
select
  s.song_id,
  s.title,
  s.artist_address,
  s.genre,
  s.strategy,
  coalesce(ever.plays, 0) as play_count,
  coalesce(audience.listeners, 0) as unique_listeners,
  coalesce(ever.earnings, 0) as total_earnings,
  coalesce(ever.seconds, 0) as avg_play_duration,
  ranked.trending_score,
  coalesce(week.plays, 0) as plays_last_7_days,
  coalesce(month.plays, 0) as plays_last_30_days,
  now() as last_refreshed
from (
  select t.song_id, t.trending as trending_score
  from song_plays_totals as t
  union all
  select o.song_id, 0::bigint
  from songs as o
  where not exists (
    select
    from song_plays_totals as t
    where t.song_id = o.song_id
  )
) as ranked
join songs as s on s.song_id = ranked.song_id
left join lateral (
  select *
  from song_plays_ever as e
  where e.song_id = s.song_id
  offset 0
) as ever on true
left join lateral (
  select *
  from song_audience_ever as e
  where e.song_id = s.song_id
  offset 0
) as audience on true
left join lateral (
  select *
  from song_plays_since(now() - interval '7 days') as e
  where e.song_id = s.song_id
  offset 0
) as week on true
left join lateral (
  select *
  from song_plays_since(now() - interval '30 days') as e
  where e.song_id = s.song_id
  offset 0
) as month on true
