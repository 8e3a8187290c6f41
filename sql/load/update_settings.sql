-- What the marts follow; written only where it changed.
update meta.settings set timezone = $timezone
where timezone <> $timezone;
