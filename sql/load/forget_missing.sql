-- A session that is gone is looked for no more.
delete from meta.unsettled
where account = $account and id in (select id from gone);
