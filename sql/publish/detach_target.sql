detach target;  -- noqa: PRS
