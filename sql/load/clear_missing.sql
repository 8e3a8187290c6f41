-- Sessions that the API returns again, also those that no longer fit the columns; one that changed as
-- well is deleted by now, and inserted anew anyway.
update checkout_sessions set missing_since = null
where rowid in (
    select stored.place
    from stored
    inner join returned on stored.id = returned.id
    where to_timestamp(returned.observed_at) >= stored.missing_since
);
