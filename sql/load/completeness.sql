-- Whether all line items of a session are stored once the batch is.
-- Grain: one row a session whose line items were read.
create or replace temp table completeness as
select
    id,
    verdict,
    session_verdict,
    complete_before as before,
    case
        when verdict = 'older' then complete_before
        when verdict = 'replaced' or complete then complete
        -- The rest wasn't read, since nothing had changed when that was decided.
        else session_verdict = 'unchanged' and coalesce(complete_before, false)
    end as complete
from item_verdicts;
