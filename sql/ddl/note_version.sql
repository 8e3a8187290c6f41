-- The layout that the file has from now on.
insert into meta.schema_version (version, applied_at)
values ($version, now());
