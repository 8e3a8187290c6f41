-- Up to which row the old tables reach.
select
    (select coalesce(max(rowid) + 1, 0) from checkout_sessions_before) as sessions,
    (select coalesce(max(rowid) + 1, 0) from checkout_session_line_items_before) as line_items,
    (select coalesce(max(rowid) + 1, 0) from checkout_session_history) as versions;
