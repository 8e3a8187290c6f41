-- Sessions of the batch that DuckDB would refuse as JSON; one of them would fail the whole insert.
select id from incoming
where not json_valid(payload)
union
select session_id from incoming_line_items
where not json_valid(payload);
