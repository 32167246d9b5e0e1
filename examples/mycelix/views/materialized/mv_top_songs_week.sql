-- The hundred songs of the last seven days: by plays, then by number.
select
  s.song_id,
  s.title,
  s.artist_address,
  a.artist_name,
  s.genre,
  count(*) as plays,
  row_number() over (order by count(*) desc, s.song_id) as rank,
  now() as last_refreshed
from public.plays as p
join public.songs as s on s.song_id = p.song_id
join public.artists as a on a.artist_address = s.artist_address
where p.played_at >= now() - interval '7 days'
group by s.song_id, a.artist_address
order by plays desc, s.song_id
limit 100
