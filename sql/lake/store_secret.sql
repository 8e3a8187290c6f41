-- The same as a secret: DuckDB shows settings to whoever asks, a secret to nobody.
create secret object_store (
    type s3,
    key_id $key_id,
    secret $secret,
    session_token $session_token,
    region $region,
    endpoint $endpoint,
    url_style $url_style,
    use_ssl $use_ssl
);
reset s3_access_key_id;
reset s3_secret_access_key;
reset s3_session_token;
