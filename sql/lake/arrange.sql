-- A load touches the files of its account and of the months it brings, no others.
alter table checkout_sessions set partitioned by (account, year(created), month(created));
alter table checkout_session_history set partitioned by (account);
