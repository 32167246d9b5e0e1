-- What the server counts of each statement: `pgstrata top` and the rules read it. The library is loaded by `dev.preload`.

-- up
create extension if not exists pg_stat_statements;

-- down
drop extension pg_stat_statements;
