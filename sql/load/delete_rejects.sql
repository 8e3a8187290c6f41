-- A session that was seen again is no longer rejected for what it was before.
delete from meta.rejects
where account = $account and id in (select id from returned);
