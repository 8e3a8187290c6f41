-- The catalog's database itself, for the lock by which writers take turns.
attach $address as turns (type postgres);
