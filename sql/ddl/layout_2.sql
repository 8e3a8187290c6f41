-- From layout 1: rejects keep the API version that they were asked in.
alter table meta.rejects add column if not exists api_version varchar;
update meta.rejects set api_version = (
    select any_value(sessions.api_version)
    from checkout_sessions as sessions
    where sessions.run_id = rejects.run_id
);

-- The marts need where an account's history starts, and when a superseded version was last read.
alter table meta.accounts add column if not exists sync_start bigint;
alter table checkout_session_history add column if not exists last_seen_at timestamptz;

-- Rows that an older layout wrote were kept whole.
alter table meta.runs add column if not exists privacy varchar default '';
