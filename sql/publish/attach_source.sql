attach $path as source (read_only);  -- noqa: PRS
