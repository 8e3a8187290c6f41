delete from meta.accounts
where account = $account;
