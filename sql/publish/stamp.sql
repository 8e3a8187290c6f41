-- Of which state of the warehouse the target is a copy.
insert into target.meta.published (fingerprint, source_size_bytes, source_mtime_ns)
values ($fingerprint, $size_bytes, $mtime_ns);
