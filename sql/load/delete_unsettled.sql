delete from meta.unsettled
where account = $account and id in (select id from reads);
