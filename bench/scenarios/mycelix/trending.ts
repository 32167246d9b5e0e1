// What `trending_score` of each song has to be, from plays alone.

/** The original design's formula with its edges at whole hours, up to the end of this one. Gives song_id and trending_score. */
export const rawTrending = `
  select
    s.song_id,
    coalesce(sum(
      case
        when p.played_at >= date_trunc('hour', now() - interval '1 day', 'UTC') then 10
        when p.played_at >= date_trunc('hour', now() - interval '7 days', 'UTC') then 5
        when p.played_at >= date_trunc('hour', now() - interval '30 days', 'UTC') then 1
        else 0
      end
    ), 0) as trending_score
  from songs as s
  left join plays as p
    on p.song_id = s.song_id
    and p.played_at < date_trunc('hour', now(), 'UTC') + interval '1 hour'
  group by s.song_id`
