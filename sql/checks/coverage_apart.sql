-- Covered windows hold something, and none overlaps or touches another.
with

ordered as (
    select
        account,
        "after",
        until,
        lag(until) over (partition by account order by "after", until) as previous_until
    from meta.coverage
)

select
    account,
    "after",
    until,
    previous_until
from ordered
where until <= "after" or "after" <= previous_until;
