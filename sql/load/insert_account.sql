insert into meta.accounts (account, livemode, key_fingerprint, api_time, sync_start)
values ($account, $livemode, $key_fingerprint, $api_time, $sync_start);
