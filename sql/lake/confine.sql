-- Likewise, but for the lake's own data files.
set allowed_directories = [$data_path];
set enable_external_access = false;
set lock_configuration = true;
