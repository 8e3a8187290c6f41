-- Sessions whose payload differs in text alone.
update verdicts set verdict = 'unchanged'
where id in (select unnest($ids));
