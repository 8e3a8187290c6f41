-- The table or view to export.
set variable relation = $relation;
