-- All rows of a mart.
select * from query_table(getvariable('relation'));
