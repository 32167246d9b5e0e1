-- Artists by what was played of them: each column exact to the last commit.
select
  a.artist_address,
  a.artist_name,
  (select count(*) from songs as s where s.artist_address = a.artist_address) as total_songs,
  coalesce(ever.plays, 0) as total_plays,
  coalesce(audience.listeners, 0) as unique_listeners,
  coalesce(ever.earnings, 0) as total_earnings,
  coalesce(ever.earnings / ever.plays, 0) as avg_earning_per_play,
  (
    select p.played_at
    from plays as p
    where p.artist_address = a.artist_address
    order by p.played_at desc
    limit 1
  ) as last_play_date,
  coalesce(month.plays, 0) as plays_last_30_days,
  coalesce(week.plays, 0) as plays_last_7_days,
  now() as last_refreshed
from artists as a
left join lateral (
  select *
  from artist_plays_ever as e
  where e.artist_address = a.artist_address
  offset 0
) as ever on true
left join lateral (
  select *
  from artist_audience_ever as e
  where e.artist_address = a.artist_address
  offset 0
) as audience on true
left join lateral (
  select *
  from artist_plays_since(now() - interval '30 days') as e
  where e.artist_address = a.artist_address
  offset 0
) as month on true
left join lateral (
  select *
  from artist_plays_since(now() - interval '7 days') as e
  where e.artist_address = a.artist_address
  offset 0
) as week on true
