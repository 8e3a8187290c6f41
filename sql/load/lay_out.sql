-- What is stored in the windows read: where its sessions are, and when each was created, epoch
-- seconds; the sessions, with the API time of the read; where their line items are; those.
-- Grain: one row a session, and one a line item.
create or replace temp table places (place bigint, created bigint);

create or replace temp table stored (
    place bigint,
    id varchar,
    status varchar,
    payment_status varchar,
    amount_total bigint,
    api_version varchar,
    run_id varchar,
    observed_at timestamptz,
    first_observed_at timestamptz,
    missing_since timestamptz,
    line_items_complete boolean,
    payload varchar,
    api_time bigint
);

create or replace temp table item_places (place bigint);

create or replace temp table stored_items (
    place bigint,
    session_id varchar,
    position bigint,
    payload varchar,
    observed_at timestamptz
);
