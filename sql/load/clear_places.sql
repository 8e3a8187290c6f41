-- Where the sessions are stored that lie in the stretches of time around the windows read, and when
-- each was created, epoch seconds. Grain: one row a session.
create or replace temp table places (place bigint, created bigint);
