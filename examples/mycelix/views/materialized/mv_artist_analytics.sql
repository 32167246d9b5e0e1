-- Artists by what was played of them.
select
  a.artist_address,
  a.artist_name,
  coalesce(made.songs, 0) as total_songs,
  coalesce(played.plays, 0) as total_plays,
  coalesce(played.listeners, 0) as unique_listeners,
  coalesce(played.earnings, 0) as total_earnings,
  coalesce(played.earnings / played.plays, 0) as avg_earning_per_play,
  played.last as last_play_date,
  coalesce(played.month, 0) as plays_last_30_days,
  coalesce(played.week, 0) as plays_last_7_days,
  now() as last_refreshed
from public.artists as a
left join (
  select artist_address, count(*) as songs
  from public.songs
  group by artist_address
) as made on made.artist_address = a.artist_address
left join (
  select
    artist_address,
    count(*) as plays,
    count(distinct listener_address) as listeners,
    sum(amount) as earnings,
    max(played_at) as last,
    count(*) filter (where played_at >= now() - interval '30 days') as month,
    count(*) filter (where played_at >= now() - interval '7 days') as week
  from public.plays
  group by artist_address
) as played on played.artist_address = a.artist_address
