-- Of which state of the warehouse this file is a copy; no row in the warehouse itself.
select fingerprint, source_size_bytes, source_mtime_ns
from meta.published;
