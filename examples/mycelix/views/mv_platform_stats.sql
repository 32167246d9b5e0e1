-- The platform in one row: each column exact to the last commit.
select
  (select count(*) from artists) as total_artists,
  coalesce(songs.total, 0) as total_songs,
  coalesce(ever.plays, 0) as total_plays,
  coalesce(audience.listeners, 0) as total_listeners,
  coalesce(paid.volume, 0) as total_volume,
  coalesce(songs.pay_per_stream, 0) as songs_pay_per_stream,
  coalesce(songs.gift_economy, 0) as songs_gift_economy,
  coalesce(songs.patronage, 0) as songs_patronage,
  coalesce(songs.auction, 0) as songs_auction,
  coalesce((select plays from platform_plays_since(now() - interval '24 hours')), 0) as plays_last_24h,
  coalesce((select plays from platform_plays_since(now() - interval '7 days')), 0) as plays_last_7d,
  coalesce((select plays from platform_plays_since(now() - interval '30 days')), 0) as plays_last_30d,
  (select count(*) from songs where created_at >= now() - interval '7 days') as new_songs_last_7d,
  (select count(*) from songs where created_at >= now() - interval '30 days') as new_songs_last_30d,
  now() as last_refreshed
from (
  select
    sum(songs)::bigint as total,
    (sum(songs) filter (where strategy = 'pay-per-stream'))::bigint as pay_per_stream,
    (sum(songs) filter (where strategy = 'gift-economy'))::bigint as gift_economy,
    (sum(songs) filter (where strategy = 'patronage'))::bigint as patronage,
    (sum(songs) filter (where strategy = 'auction'))::bigint as auction
  from strategy_catalog
) as songs
left join platform_plays_ever as ever on true
left join platform_audience_ever as audience on true
left join payment_volume_ever as paid on true
