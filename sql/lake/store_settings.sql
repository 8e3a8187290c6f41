-- What httpfs took from the environment (AWS_ACCESS_KEY_ID and the like, DUCKDB_S3_ENDPOINT).
with

settings as (
    select map_from_entries(list((name, value))) as named
    from duckdb_settings()
    where name like 's3_%' and value <> ''
)

select
    named['s3_access_key_id'] as key_id,
    named['s3_secret_access_key'] as secret,
    coalesce(named['s3_session_token'], '') as session_token,
    coalesce(named['s3_region'], 'us-east-1') as region,
    coalesce(named['s3_endpoint'], 's3.amazonaws.com') as endpoint,
    -- A store of one's own is rarely reached by a host name for each bucket.
    if(endpoint like '%.amazonaws.com', 'vhost', 'path') as url_style,
    coalesce(named['s3_use_ssl'], 'true') as use_ssl
from settings;
