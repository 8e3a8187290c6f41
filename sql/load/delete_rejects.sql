-- A session that was seen again is no longer rejected for what it was before.
delete from meta.rejects
using returned
where
    rejects.account = $account
    and rejects.id = returned.id
    and rejects.observed_at <= to_timestamp(returned.observed_at);
