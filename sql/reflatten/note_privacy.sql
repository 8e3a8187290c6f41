-- What these privacy settings take out is taken out of every row now, besides what already was, which
-- nothing stored can bring back.
update meta.runs set privacy = trim(
    array_to_string(
        list_sort(
            list_distinct(
                string_split(coalesce(runs.privacy, ''), ' ') || string_split($privacy, ' ')
            )
        ),
        ' '
    )
);
