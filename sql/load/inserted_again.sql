-- Sessions that aren't stored although their second is covered: they appeared late, or somebody
-- deleted their row.
select verdicts.id
from verdicts
inner join incoming on verdicts.id = incoming.id
inner join meta.coverage
    on
        coverage.account = $account
        and incoming.created > to_timestamp(coverage."after")
        and incoming.created <= to_timestamp(coverage.until)
where verdicts.verdict = 'inserted';
