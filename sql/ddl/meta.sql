-- What the pipeline knows about itself. Everything that a run needs is here and in the base
-- tables; nothing is kept outside this file.
create table if not exists meta.schema_version (
    version integer not null,
    applied_at timestamptz not null
);

-- What the marts need of config.yaml, as of the last run; one row.
create table if not exists meta.settings (
    timezone varchar not null
);

insert into meta.settings
select 'UTC' where not exists (select 1 from meta.settings);

create table if not exists meta.accounts (
    account varchar not null,
    livemode boolean,
    key_fingerprint varchar not null,
    api_time bigint not null
);

alter table meta.accounts add column if not exists sync_start bigint;

create table if not exists meta.coverage (
    account varchar not null,
    "after" bigint not null,
    until bigint not null
);

create table if not exists meta.unsettled (
    account varchar not null,
    id varchar not null,
    created timestamptz not null,
    read_at timestamptz not null,
    reason varchar not null
);

create table if not exists meta.runs (
    run_id varchar not null,
    account varchar not null,
    kind varchar not null,
    outcome varchar not null,
    started_at timestamptz,
    ended_at timestamptz,
    range_after bigint,
    range_until bigint,
    requests bigint not null,
    retries bigint not null,
    pages bigint not null,
    windows bigint not null,
    sessions_read bigint not null,
    inserted bigint not null,
    updated bigint not null,
    unchanged bigint not null,
    rejected bigint not null,
    duration_s double not null,
    error_type varchar,
    error_message varchar,
    request_id varchar,
    program_version varchar not null
);

create table if not exists meta.rejects (
    account varchar not null,
    id varchar not null,
    created timestamptz not null,
    reason varchar not null,
    payload varchar not null,
    observed_at timestamptz not null,
    run_id varchar not null
);

create table if not exists meta.drift (
    account varchar not null,
    path varchar not null,
    type varchar not null,
    first_seen timestamptz not null,
    sessions bigint not null,
    example_id varchar not null
);

-- Empty in the warehouse itself.
create table if not exists meta.published (
    fingerprint varchar not null,
    source_size_bytes bigint not null,
    source_mtime_ns bigint not null
);

create table if not exists checkout_session_history (
    account varchar not null,
    id varchar not null,
    status varchar,
    payment_status varchar,
    amount_total bigint,
    api_version varchar not null,
    observed_at timestamptz not null,
    superseded_at timestamptz not null,
    payload json using compression zstd
);

alter table checkout_session_history add column if not exists last_seen_at timestamptz;

comment on table meta.schema_version is 'Versions of this file''s layout, the newest last';
comment on table meta.settings is 'Settings that the marts follow, as of the last run';
comment on column meta.settings.timezone is 'Time zone of the marts'' days';
comment on table meta.accounts is 'One row an account: its mode, and 16 hex digits that tell its key';
comment on column meta.accounts.account is 'Name of the Stripe account in config.yaml';
comment on column meta.accounts.livemode is 'True for live mode; null until a session was seen';
comment on column meta.accounts.key_fingerprint is 'Part of a SHA-256 over address, key and connected account';
comment on column meta.accounts.api_time is 'Latest API time seen, epoch seconds';
comment on column meta.accounts.sync_start is 'First created second ever read, epoch seconds; as of the last run';
comment on table meta.coverage is 'Windows read completely: every session with after < created <= until is stored';
comment on column meta.coverage."after" is 'Start of the window, itself outside, epoch seconds UTC';
comment on column meta.coverage.until is 'End of the window, itself inside, epoch seconds UTC';
comment on table meta.unsettled is 'Stored sessions that may still change by themselves';
comment on column meta.unsettled.read_at is 'API time when it was last read';
comment on column meta.unsettled.reason is 'open, unpaid (a late payment may come), or fresh (fields may be filled in)';
comment on table meta.runs is 'One row a run of an account';
comment on column meta.runs.outcome is 'running, completed, completed_with_rejects, failed or interrupted';
comment on column meta.runs.started_at is 'API time of its first response';
comment on column meta.runs.ended_at is 'API time of its last response';
comment on column meta.runs.requests is 'Every request sent, the retried ones too';
comment on column meta.runs.sessions_read is 'Distinct sessions: inserted + updated + unchanged + rejected';
comment on column meta.runs.duration_s is 'Seconds that the run took';
comment on table meta.rejects is 'Sessions that have no place in the columns, one row a session';
comment on column meta.rejects.reason is 'What did not fit, and where; never a value';
comment on table meta.published is 'In a published copy alone: of which state of the warehouse it is a copy';
comment on table meta.drift is 'Field paths that the columns do not know';
comment on table checkout_session_history is 'Superseded versions of sessions, one row a version';
comment on column checkout_session_history.amount_total is 'What the customer pays in all, minor unit';
comment on column checkout_session_history.observed_at is 'API time when this version was first seen';
comment on column checkout_session_history.superseded_at is 'API time when the next version was first seen';
comment on column checkout_session_history.last_seen_at is 'API time when this version was last read; null if it was written by an older layout';
comment on column checkout_session_history.payload is 'The session as received then';
