-- Sessions of the batch that DuckDB would refuse as JSON; one of them would fail the whole insert.
select id from incoming
where not json_valid(payload);
