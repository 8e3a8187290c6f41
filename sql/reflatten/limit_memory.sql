-- By itself DuckDB keeps what it has read and written for as long as the machine has memory.
set memory_limit = '512MB';
