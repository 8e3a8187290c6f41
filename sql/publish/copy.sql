-- Tables, views, macros, comments: all of one moment.
copy from database source to target;  -- noqa: PRS
