-- What belongs to the pipeline itself.
create schema if not exists meta;
