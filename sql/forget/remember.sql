-- Each session once.
insert into meta.forgotten by name
select unnest($ids::varchar[]) as id
except
select id from meta.forgotten;
