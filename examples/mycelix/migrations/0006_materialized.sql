-- Where the materialized views stand, and the function by the name that schedules call. Its body is not looked at before it is called:
-- what it calls comes with the first `apply`.

-- up
create schema materialized;

create function refresh_all_materialized_views() returns integer
language plpgsql
as $$
begin
  return pgstrata.refresh_all_materialized_views();
end
$$;

-- down
drop function refresh_all_materialized_views();
drop schema materialized;
