insert into meta.coverage by name
select
    $account as account,
    covered."after",
    covered.until
from covered;
