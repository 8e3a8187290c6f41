insert into meta.accounts (account, livemode, key_fingerprint, api_time)
values ($account, $livemode, $key_fingerprint, $api_time);
