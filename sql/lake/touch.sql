-- Two inserts alone don't conflict in DuckLake, two changes of one row do: of two transactions that
-- begin with this, the slower one fails and is done again, so that none builds on what it didn't see.
update meta.settings set timezone = timezone;
