-- What belongs to the pipeline itself.
create schema if not exists meta;

-- Views for analysis.
create schema if not exists marts;
