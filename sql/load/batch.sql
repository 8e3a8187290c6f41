-- Whose sessions the batch has, and when they were created, for statements that stand in one file.
set variable batch = {
    'account': $account,
    'oldest': to_timestamp($oldest::bigint),
    'newest': to_timestamp($newest::bigint)
};
