-- The catalog's database itself, for the lock by which writers take turns. Waiting
-- is all that its transactions do: they keep no old state of the tables alive.
attach $address as turns (type postgres, isolation_level 'READ COMMITTED');
