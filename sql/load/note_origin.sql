-- Sessions that are as stored although asked for otherwise: what differs later is their own change.
update checkout_sessions set api_version = $api_version, run_id = $run_id
where rowid in (
    select place from verdicts
    where verdict = 'unchanged' and asked_otherwise
);
