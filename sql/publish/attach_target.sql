attach $path as target;
