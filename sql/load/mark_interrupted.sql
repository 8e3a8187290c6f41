-- Other runs of the account that were left running by a kill. One that is alive after all writes
-- its row anew with its next load.
update meta.runs set outcome = 'interrupted'
where account = $account and outcome = 'running' and run_id <> $run_id;
