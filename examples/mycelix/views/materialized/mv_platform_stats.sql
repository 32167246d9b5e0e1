-- The platform in one row.
select
  (select count(*) from public.artists) as total_artists,
  songs.total as total_songs,
  plays.total as total_plays,
  plays.listeners as total_listeners,
  (select coalesce(sum(amount), 0) from public.payments) as total_volume,
  songs.pay_per_stream as songs_pay_per_stream,
  songs.gift_economy as songs_gift_economy,
  songs.patronage as songs_patronage,
  songs.auction as songs_auction,
  plays.last_24h as plays_last_24h,
  plays.last_7d as plays_last_7d,
  plays.last_30d as plays_last_30d,
  songs.last_7d as new_songs_last_7d,
  songs.last_30d as new_songs_last_30d,
  now() as last_refreshed
from (
  select
    count(*) as total,
    count(*) filter (where strategy = 'pay-per-stream') as pay_per_stream,
    count(*) filter (where strategy = 'gift-economy') as gift_economy,
    count(*) filter (where strategy = 'patronage') as patronage,
    count(*) filter (where strategy = 'auction') as auction,
    count(*) filter (where created_at >= now() - interval '7 days') as last_7d,
    count(*) filter (where created_at >= now() - interval '30 days') as last_30d
  from public.songs
) as songs
cross join (
  select
    count(*) as total,
    count(distinct listener_address) as listeners,
    count(*) filter (where played_at >= now() - interval '24 hours') as last_24h,
    count(*) filter (where played_at >= now() - interval '7 days') as last_7d,
    count(*) filter (where played_at >= now() - interval '30 days') as last_30d
  from public.plays
) as plays
