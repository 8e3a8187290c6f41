-- Once nothing uses it any more.
detach warehouse;  -- noqa: PRS
