-- Where the sessions are stored that lie in the windows read. Grain: one row a window and session.
create or replace temp table places (place bigint, api_time bigint);
