attach $path as target;  -- noqa: PRS
