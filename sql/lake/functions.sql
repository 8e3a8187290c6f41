-- The functions that a SELECT calls, wherever in it, in small letters; none where it can't be told.
with

parsed as (
    select json_serialize_sql($sql) as tree
)

select if((tree ->> 'error')::boolean, null, json_extract_string(tree, '$..function_name')) as called
from parsed;
