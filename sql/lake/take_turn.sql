-- Waits until no other writer holds this lock of PostgreSQL, and holds it as long as the transaction:
-- writers that only found out at the commit would do their work again and again.
select * from postgres_query('turns', 'select pg_advisory_xact_lock(hashtext(''checkouts''))');
