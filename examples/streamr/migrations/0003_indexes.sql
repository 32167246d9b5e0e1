-- Built without stopping anybody, for these tables may be large by the time that the indexes come.

-- up
-- What was measured of a stream, node by node: payouts, and the series of one node of a stream.
create index concurrently probe_results_performance_idx on probe_results (stream_id, node_id, probe_timestamp);
-- By time alone, to the minute: what a time that begins within an hour takes from the table. (A BRIN index would be smaller, but knows
-- nothing of the newest pages until a vacuum has been there, and those are the ones that are asked for.)
create index concurrently probe_results_time_idx on probe_results (probe_timestamp);
-- The last results of a node, whatever it carries.
create index concurrently probe_results_node_idx on probe_results (node_id, probe_timestamp desc);
-- Failed spot checks are few, and asked for by themselves: penalties, fraud.
create index concurrently probe_results_failed_checks_idx on probe_results (stream_id, node_id, probe_timestamp)
where probe_type = 'spot_check' and not success;

-- Streams that pay: a few among thousands without viewers.
create index concurrently streams_paying_idx on streams (stream_id)
where status = 'ACTIVE' and viewers > 0 and not excluded and reward_per_hour > 0;
create index concurrently streams_viewers_idx on streams (viewers desc, stream_id);

create index concurrently nodes_stream_idx on nodes (stream_id, node_id);
create index concurrently nodes_active_idx on nodes (stream_id, node_id)
where status = 'ACTIVE';
-- Those that are paid nothing: few, and looked for by every payout.
create index concurrently nodes_suspended_idx on nodes (node_id)
where status = 'SUSPENDED';
create index concurrently nodes_user_idx on nodes (user_id)
where user_id is not null;
create index concurrently nodes_address_idx on nodes (address)
where address is not null;

create index concurrently friendships_friend_idx on friendships (friend_id, status);
create index concurrently comments_visible_idx on comments (stream_id, comment_id desc)
where status = 'VISIBLE';
create index concurrently comments_user_idx on comments (user_id);
create index concurrently comments_moderated_by_idx on comments (moderated_by)
where moderated_by is not null;

-- down
drop index concurrently comments_moderated_by_idx;
drop index concurrently comments_user_idx;
drop index concurrently comments_visible_idx;
drop index concurrently friendships_friend_idx;
drop index concurrently nodes_address_idx;
drop index concurrently nodes_user_idx;
drop index concurrently nodes_suspended_idx;
drop index concurrently nodes_active_idx;
drop index concurrently nodes_stream_idx;
drop index concurrently streams_viewers_idx;
drop index concurrently streams_paying_idx;
drop index probe_results_failed_checks_idx;
drop index probe_results_node_idx;
drop index probe_results_time_idx;
drop index probe_results_performance_idx;
