-- Likewise, of a lake that is there.
attach $address as lake (data_path $data_path, read_only);
