-- Whose sessions are made anew, for statements that stand in one file.
set variable account = $account;
