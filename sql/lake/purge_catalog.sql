-- PostgreSQL keeps bytes of rows that are gone too, and samples of values for its planner.
call postgres_execute('turns', 'vacuum (full, analyze)', use_transaction => false);
