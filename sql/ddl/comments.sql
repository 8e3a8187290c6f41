-- What the tables that schema.py doesn't make mean, and their columns.
comment on table meta.schema_version is 'Versions of this file''s layout, the newest last';
comment on column meta.schema_version.version is 'The layout''s number';
comment on column meta.schema_version.applied_at is 'When the file got it, by this machine''s clock';

comment on table meta.accounts is 'One row an account: its mode, and 16 hex digits that tell its key';
comment on column meta.accounts.account is 'Name of the Stripe account in config.yaml';
comment on column meta.accounts.livemode is 'True for live mode; null until a session was seen';
comment on column meta.accounts.key_fingerprint is 'Part of a SHA-256 over address, key and connected account';
comment on column meta.accounts.api_time is 'Latest API time seen, epoch seconds';

comment on column meta.accounts.sync_start is 'First created second ever read, as of the last run, epoch seconds';

comment on table meta.settings is 'Settings that the marts follow, as of the last run; one row';
comment on column meta.settings.timezone is 'Time zone of the marts'' days';

comment on table meta.published is 'In a published copy alone: of which state of the warehouse it is a copy';
comment on column meta.published.fingerprint is 'Differs where sessions, or what the marts make of them, differ';
comment on column meta.published.source_size_bytes is 'Size of the warehouse''s file then, bytes';
comment on column meta.published.source_mtime_ns is 'When that file was last written, ns since 1970';

comment on table meta.coverage is 'Windows read completely: every session with after < created <= until is stored';
comment on column meta.coverage.account is 'Name of the Stripe account in config.yaml';
comment on column meta.coverage."after" is 'Start of the window, itself outside, epoch seconds UTC';
comment on column meta.coverage.until is 'End of the window, itself inside, epoch seconds UTC';

comment on table meta.unsettled is 'Sessions that are read again, since they may still change by themselves';
comment on column meta.unsettled.account is 'Name of the Stripe account in config.yaml';
comment on column meta.unsettled.id is 'Session id';
comment on column meta.unsettled.created is 'When the session was created, UTC';
comment on column meta.unsettled.read_at is 'API time when it was last read, UTC';
comment on column meta.unsettled.reason is 'open, unpaid (a late payment may come), fresh (fields may be filled in), or partial (line items are lacking)';

comment on table meta.runs is 'One row a run of an account';
comment on column meta.runs.run_id is 'The run''s id';
comment on column meta.runs.account is 'Name of the Stripe account in config.yaml';
comment on column meta.runs.kind is 'sync or backfill';
comment on column meta.runs.outcome is 'running, completed, completed_with_rejects, failed or interrupted';
comment on column meta.runs.started_at is 'API time of its first response, UTC';
comment on column meta.runs.ended_at is 'API time of its last response, UTC';
comment on column meta.runs.range_after is 'Start of a backfill''s range, itself outside, epoch seconds UTC';
comment on column meta.runs.range_until is 'End of a backfill''s range, itself inside, epoch seconds UTC';
comment on column meta.runs.requests is 'Every request sent, the retried ones too';
comment on column meta.runs.retries is 'Requests that were tried again';
comment on column meta.runs.pages is 'List responses of sessions';
comment on column meta.runs.windows is 'Windows of time that were read and stored';
comment on column meta.runs.sessions_read is 'Distinct sessions: inserted + updated + unchanged + rejected';
comment on column meta.runs.inserted is 'Sessions that were new';
comment on column meta.runs.updated is 'Sessions of which something was stored anew';
comment on column meta.runs.unchanged is 'Sessions that were as stored, or older';
comment on column meta.runs.rejected is 'Sessions that have no place in the columns';
comment on column meta.runs.duration_s is 'Seconds that the run took';
comment on column meta.runs.error_type is 'Kind of the failure that ended it';
comment on column meta.runs.error_message is 'What was said of that failure';
comment on column meta.runs.request_id is 'Stripe''s id of the request that failed';
comment on column meta.runs.program_version is 'Version of this program';
comment on column meta.runs.privacy is 'Tells the privacy settings that the rows it wrote are kept under; empty without any';

comment on table meta.forgotten is 'Sessions whose personal fields stay empty, whatever the API says';
comment on column meta.forgotten.id is 'Session id';

comment on table meta.rejects is 'Sessions that have no place in the columns, one row a session';
comment on column meta.rejects.account is 'Name of the Stripe account in config.yaml';
comment on column meta.rejects.id is 'Session id';
comment on column meta.rejects.created is 'When the session was created, UTC';
comment on column meta.rejects.reason is 'What did not fit, and where; never a value';
comment on column meta.rejects.payload is 'The session as received, with its line items';
comment on column meta.rejects.observed_at is 'API time when it was last read, UTC';
comment on column meta.rejects.run_id is 'Run that read it (meta.runs)';
comment on column meta.rejects.api_version is 'API version asked for';

comment on table meta.drift is 'What the API sent and the columns do not know, one row a path and type';
comment on column meta.drift.account is 'Name of the Stripe account in config.yaml';
comment on column meta.drift.path is 'Path of the field in the session, [] for any element of a list';
comment on column meta.drift.type is 'JSON type that was sent; or new value, where only certain texts were known';
comment on column meta.drift.first_seen is 'API time when it was first seen, UTC';
comment on column meta.drift.sessions is 'How many versions of sessions had it';
comment on column meta.drift.example_id is 'Id of the first session that had it';

comment on table checkout_session_history is 'Superseded versions of sessions, one row a version';
comment on column checkout_session_history.account is 'Name of the Stripe account in config.yaml';
comment on column checkout_session_history.id is 'Session id';
comment on column checkout_session_history.status is 'open, complete or expired';
comment on column checkout_session_history.payment_status is 'paid, unpaid or no_payment_required';
comment on column checkout_session_history.amount_total is 'What the customer pays in all, minor unit';
comment on column checkout_session_history.api_version is 'API version asked for';
comment on column checkout_session_history.observed_at is 'API time when this version was first seen, UTC';
comment on column checkout_session_history.superseded_at is 'API time when the next version was first seen, UTC';
comment on column checkout_session_history.last_seen_at is 'API time when this version was last read, UTC; null if an older layout wrote it';
comment on column checkout_session_history.payload is 'The session as received then';
