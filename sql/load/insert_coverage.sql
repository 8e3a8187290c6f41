insert into meta.coverage ("after", until, account)
values ($after, $until, $account);
