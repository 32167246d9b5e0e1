-- Songs by what was played of them.
select
  s.song_id,
  s.title,
  s.artist_address,
  s.genre,
  s.strategy,
  count(p.play_id) as play_count,
  count(distinct p.listener_address) as unique_listeners,
  coalesce(sum(p.amount), 0) as total_earnings,
  coalesce(avg(p.duration_s), 0) as avg_play_duration,
  sum(
    case
      when p.played_at >= now() - interval '1 day' then 10
      when p.played_at >= now() - interval '7 days' then 5
      when p.played_at >= now() - interval '30 days' then 1
      else 0
    end
  ) as trending_score,
  count(*) filter (where p.played_at >= now() - interval '7 days') as plays_last_7_days,
  count(*) filter (where p.played_at >= now() - interval '30 days') as plays_last_30_days,
  now() as last_refreshed
from public.songs as s
left join public.plays as p on p.song_id = s.song_id
group by s.song_id
