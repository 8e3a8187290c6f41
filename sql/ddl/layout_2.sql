-- From layout 1: rejects keep the API version that they were asked in.
alter table meta.rejects add column if not exists api_version varchar;
update meta.rejects set api_version = (
    select any_value(sessions.api_version)
    from checkout_sessions as sessions
    where sessions.run_id = rejects.run_id
);
