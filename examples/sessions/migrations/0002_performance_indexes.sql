-- Forty-two indexes, each for a statement of the service that is named like it in src/db/statements. Built without stopping anybody, for
-- these tables are large by the time that the indexes come.

-- up
-- Sessions: 15. A wallet has one live session at most: as the one who waits or began it, and as the one who came.
create unique index concurrently sessions_live_a_idx on sessions (a_addr)
where status in ('waiting', 'active');
create unique index concurrently sessions_live_b_idx on sessions (b_addr)
where status = 'active';
-- What a wallet took part in, the newest first, of all kinds and of one.
create index concurrently sessions_a_addr_idx on sessions (a_addr, created_at desc, session_id desc);
create index concurrently sessions_b_addr_idx on sessions (b_addr, created_at desc, session_id desc)
where b_addr is not null;
create index concurrently sessions_a_status_idx on sessions (a_addr, status, created_at desc, session_id desc);
create index concurrently sessions_b_status_idx on sessions (b_addr, status, created_at desc, session_id desc)
where b_addr is not null;
-- Who waits longest is matched first. Those that wait are a handful among hundreds of thousands.
create index concurrently sessions_waiting_idx on sessions (created_at, session_id)
where status = 'waiting';
-- Whom somebody is invited by; and nobody invites the same wallet twice.
create unique index concurrently sessions_invited_idx on sessions (b_addr, a_addr)
where status = 'invited';
create index concurrently sessions_expires_at_idx on sessions (expires_at)
where status in ('waiting', 'invited');
create index concurrently sessions_active_idx on sessions (started_at, session_id)
where status = 'active';
-- Times, for those who look after the platform.
create index concurrently sessions_created_at_idx on sessions (created_at desc, session_id desc);
create index concurrently sessions_started_at_idx on sessions (started_at)
where started_at is not null;
create index concurrently sessions_ended_at_idx on sessions (ended_at desc, session_id desc)
where ended_at is not null;
create index concurrently sessions_ended_by_idx on sessions (ended_by, ended_at desc)
where ended_by is not null;
-- Whether two wallets have met, whoever of them began.
create index concurrently sessions_pair_idx on sessions (least(a_addr, b_addr), greatest(a_addr, b_addr), created_at desc)
where b_addr is not null;

-- Reports: 8. The queue, and what moderators have on their desks.
create index concurrently reports_queue_idx on reports (created_at, report_id)
where status = 'open';
create index concurrently reports_claimed_by_idx on reports (claimed_by, claimed_at)
where status = 'claimed';
create index concurrently reports_stale_claims_idx on reports (claimed_at, report_id)
where status = 'claimed';
create index concurrently reports_reported_idx on reports (reported, created_at desc);
create index concurrently reports_reporter_idx on reports (reporter, created_at desc);
create index concurrently reports_reason_idx on reports (reason, created_at desc);
create index concurrently reports_created_at_idx on reports (created_at desc, report_id desc);
create index concurrently reports_resolved_at_idx on reports (resolved_at desc, report_id desc)
where resolved_at is not null;

-- Blocks: 6.
create index concurrently blocks_pair_idx on blocks (least(blocker, blocked), greatest(blocker, blocked));
create index concurrently blocks_blocked_idx on blocks (blocked, blocker);
create index concurrently blocks_blocker_idx on blocks (blocker, created_at desc, blocked desc);
create index concurrently blocks_blocked_created_at_idx on blocks (blocked, created_at desc);
create index concurrently blocks_created_at_idx on blocks (created_at desc);
create index concurrently blocks_reason_idx on blocks (reason, created_at desc)
where reason is not null;

-- Users: 4.
create index concurrently users_last_seen_at_idx on users (last_seen_at desc, address desc);
create index concurrently users_created_at_idx on users (created_at desc, address desc);
create index concurrently users_display_name_idx on users (lower(display_name) text_pattern_ops)
where display_name is not null;
create index concurrently users_status_idx on users (status, last_seen_at desc)
where status <> 'active';

-- Telemetry: 6. Two of them look into the payload: for what it contains, and for its tags.
create index concurrently telemetry_events_created_at_idx on telemetry_events (created_at desc);
create index concurrently telemetry_events_session_idx on telemetry_events (session_id, created_at)
where session_id is not null;
create index concurrently telemetry_events_address_idx on telemetry_events (address, created_at desc)
where address is not null;
create index concurrently telemetry_events_kind_idx on telemetry_events (kind, created_at desc);
create index concurrently telemetry_events_payload_idx on telemetry_events using gin (payload jsonb_path_ops);
create index concurrently telemetry_events_tags_idx on telemetry_events using gin ((payload -> 'tags'));

-- Nonces: 3.
create index concurrently nonces_expires_at_idx on nonces (expires_at);
create index concurrently nonces_address_idx on nonces (address, created_at desc)
where used_at is null;
create index concurrently nonces_used_at_idx on nonces (used_at desc)
where used_at is not null;

-- down
drop index concurrently nonces_used_at_idx;
drop index concurrently nonces_address_idx;
drop index concurrently nonces_expires_at_idx;
drop index concurrently telemetry_events_tags_idx;
drop index concurrently telemetry_events_payload_idx;
drop index concurrently telemetry_events_kind_idx;
drop index concurrently telemetry_events_address_idx;
drop index concurrently telemetry_events_session_idx;
drop index concurrently telemetry_events_created_at_idx;
drop index concurrently users_status_idx;
drop index concurrently users_display_name_idx;
drop index concurrently users_created_at_idx;
drop index concurrently users_last_seen_at_idx;
drop index concurrently blocks_reason_idx;
drop index concurrently blocks_created_at_idx;
drop index concurrently blocks_blocked_created_at_idx;
drop index concurrently blocks_blocker_idx;
drop index concurrently blocks_blocked_idx;
drop index concurrently blocks_pair_idx;
drop index concurrently reports_resolved_at_idx;
drop index concurrently reports_created_at_idx;
drop index concurrently reports_reason_idx;
drop index concurrently reports_reporter_idx;
drop index concurrently reports_reported_idx;
drop index concurrently reports_stale_claims_idx;
drop index concurrently reports_claimed_by_idx;
drop index concurrently reports_queue_idx;
drop index concurrently sessions_pair_idx;
drop index concurrently sessions_ended_by_idx;
drop index concurrently sessions_ended_at_idx;
drop index concurrently sessions_started_at_idx;
drop index concurrently sessions_created_at_idx;
drop index concurrently sessions_active_idx;
drop index concurrently sessions_expires_at_idx;
drop index concurrently sessions_invited_idx;
drop index concurrently sessions_waiting_idx;
drop index concurrently sessions_b_status_idx;
drop index concurrently sessions_a_status_idx;
drop index concurrently sessions_b_addr_idx;
drop index concurrently sessions_a_addr_idx;
drop index concurrently sessions_live_b_idx;
drop index concurrently sessions_live_a_idx;
