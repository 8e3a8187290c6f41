select
    (select count(*) from checkout_sessions) as sessions,
    (select count(*) from checkout_session_line_items) as line_items,
    (select count(*) from meta.rejects) as rejects;
