-- Likewise, only to read it.
attach $path as warehouse (read_only);  -- noqa: PRS
