-- Sessions that the API returns again; one that changed as well is inserted anew anyway.
update checkout_sessions set missing_since = null
where rowid in (
    select verdicts.place
    from verdicts
    inner join incoming on verdicts.id = incoming.id
    where verdicts.verdict <> 'changed' and incoming.observed_at >= verdicts.missing_since
);
