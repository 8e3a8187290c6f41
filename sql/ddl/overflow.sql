-- Where that goes which has no room in memory.
set temp_directory = $path;  -- noqa: PRS
