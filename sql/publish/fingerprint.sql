-- One value that differs where sessions, what is kept of them, or what the marts make of them,
-- differ. Coverage and runs are left out, so that a run that found nothing new publishes nothing.
select
    md5(
        concat_ws(
            ' ',
            (select max(version) from meta.schema_version),
            (select timezone from meta.settings),
            (
                select (
                    count(*),
                    bit_xor(hash(account, id, observed_at, missing_since, run_id, line_items_complete))
                )
                from main.checkout_sessions
            ),
            (
                select (count(*), bit_xor(hash(account, session_id, position, observed_at)))
                from main.checkout_session_line_items
            ),
            (select (count(*), max(superseded_at)) from main.checkout_session_history),
            (select (count(*), bit_xor(hash(account, id, reason))) from meta.rejects),
            -- What was taken out of rows since: of forgotten sessions, or by privacy settings.
            (select (count(*), bit_xor(hash(id))) from meta.forgotten),
            (
                select list(distinct privacy order by privacy)
                from meta.runs
                where
                    run_id in (select run_id from main.checkout_sessions)
                    or run_id in (select run_id from meta.rejects)
            )
        )
    ) as fingerprint;
