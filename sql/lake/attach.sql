-- The address and the data path are put in as literals: ATTACH takes no parameters.
attach $address as lake (data_path $data_path);
