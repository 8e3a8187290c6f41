delete from meta.coverage
where account = $account;
