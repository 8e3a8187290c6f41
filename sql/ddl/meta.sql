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
    api_time bigint not null,
    sync_start bigint
);

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
    program_version varchar not null,
    privacy varchar default ''
);

create table if not exists meta.rejects (
    account varchar not null,
    id varchar not null,
    created timestamptz not null,
    reason varchar not null,
    payload varchar not null,
    observed_at timestamptz not null,
    run_id varchar not null,
    api_version varchar
);

create table if not exists meta.drift (
    account varchar not null,
    path varchar not null,
    type varchar not null,
    first_seen timestamptz not null,
    sessions bigint not null,
    example_id varchar not null
);

create table if not exists meta.forgotten (
    id varchar not null
);

-- Empty in the warehouse itself.
create table if not exists meta.published (
    fingerprint varchar not null,
    source_size_bytes bigint not null,
    source_mtime_ns bigint not null
);

create table if not exists checkout_session_history (  -- noqa: PRS
    account varchar not null,
    id varchar not null,
    status varchar,
    payment_status varchar,
    amount_total bigint,
    api_version varchar not null,
    observed_at timestamptz not null,
    superseded_at timestamptz not null,
    payload json using compression zstd,
    last_seen_at timestamptz
);
