-- A mart whose rows take all of their months to compute, made once for all of its files.
create or replace temp table computed as
select * from query_table(getvariable('relation'));
