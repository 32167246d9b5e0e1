-- The hundred songs of the last seven days, to this moment, exact to the last commit: by plays, then by number.
--
-- Totals count whole hours, so what they say of the week is never less than the truth, but for what is not merged yet or dated ahead.
-- Of their first hundred the truth is read: who is behind the last of those in totals cannot be among the hundred.
with
leaders as materialized (
  select week.song_id, week.plays
  from song_plays_since(now() - interval '7 days') as week
  where week.song_id = any (array(
    select t.song_id
    from song_plays_totals as t
    order by t.plays_7d desc nulls last, t.song_id
    limit 100
  ))
),
others as materialized (
  select t.song_id
  from song_plays_totals as t
  where t.plays_7d >= (select case when count(*) = 100 then min(plays) else 1 end from leaders)
  union
  select d.song_id
  from song_plays_delta as d
  union
  select ahead.song_id
  from song_plays_since(now()) as ahead
  except
  select song_id
  from leaders
),
counted as (
  select song_id, plays
  from leaders
  union all
  select week.song_id, week.plays
  from song_plays_since(now() - interval '7 days') as week
  where week.song_id = any (array(select song_id from others))
),
ranked as (
  select song_id, plays, row_number() over (order by plays desc, song_id) as rank
  from counted
  order by plays desc, song_id
  limit 100
)
select s.song_id, s.title, s.artist_address, a.artist_name, s.genre, r.plays, r.rank, now() as last_refreshed
from ranked as r
join songs as s on s.song_id = r.song_id
join artists as a on a.artist_address = s.artist_address
