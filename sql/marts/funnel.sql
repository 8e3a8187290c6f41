-- How many sessions were created, completed and paid, by what they have in common.
-- Grain: one row an account, dimension and value. Key: those three.
-- Dimensions: all, payment_link, country, locale, mode, payment_method. A session counts once in
-- each dimension, but for payment_method once for every method that it offered.
-- Units: sessions; shares from 0 to 1.
-- Reads: marts.sessions.
create or replace view marts.funnel as
with

alike as (
    select
        account,
        payment_link,
        country,
        locale,
        mode,
        payment_method_types,
        count(*) as created_count,
        count(*) filter (where is_complete) as completed_count,
        count(*) filter (where is_paid) as paid_count
    from marts.sessions
    group by account, payment_link, country, locale, mode, payment_method_types
),

valued as (
    select
        account,
        created_count,
        completed_count,
        paid_count,
        unnest(
            list_concat(
                [
                    struct_pack(dimension := 'all', value := 'all'),
                    struct_pack(dimension := 'payment_link', value := payment_link),
                    struct_pack(dimension := 'country', value := country),
                    struct_pack(dimension := 'locale', value := locale),
                    struct_pack(dimension := 'mode', value := mode)
                ],
                list_transform(
                    list_distinct(payment_method_types),
                    lambda method: struct_pack(dimension := 'payment_method', value := method)
                )
            )
        ) as place
    from alike
)

select
    account,
    place.dimension,
    place.value,
    sum(created_count)::bigint as sessions_created,
    sum(completed_count)::bigint as sessions_completed,
    sum(paid_count)::bigint as sessions_paid,
    sessions_completed / sessions_created as conversion,
    sessions_paid / nullif(sessions_completed, 0) as paid_share_of_completed,
    sessions_paid / sessions_created as paid_share
from valued
group by account, place.dimension, place.value;

comment on view marts.funnel is 'Sessions created, completed and paid, one row an account, dimension and value';
comment on column marts.funnel.sessions_created is 'Sessions created';
comment on column marts.funnel.sessions_completed is 'Those of them that are complete';
comment on column marts.funnel.sessions_paid is 'Those of them that are paid';
comment on column marts.funnel.dimension is 'all, payment_link, country, locale, mode or payment_method (offered, once for each)';
comment on column marts.funnel.value is 'Its value; null where a session has none';
comment on column marts.funnel.conversion is 'Completed sessions by created ones, 0 to 1';
comment on column marts.funnel.paid_share_of_completed is 'Paid sessions by completed ones, 0 to 1';
comment on column marts.funnel.paid_share is 'Paid sessions by created ones, 0 to 1';
