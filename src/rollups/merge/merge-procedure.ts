// pgstrata.merge(): merging from SQL alone, for pg_cron and for people. It is written anew whenever the rollups change, with
// the statements of each in it: a procedure takes its snapshot behind a lock only where the LOCK TABLE stands in it as it is.
//
// What holds is what merge.ts says. One that fails is told as a warning, and the others go on. It begins by committing, so it
// cannot be called inside a transaction. No SET clause: a procedure that has one cannot commit; settings are made in each
// transaction instead.

import type { Routine } from '../../catalog/routines.ts'
import { quoteLiteral } from '../../sql/quote.ts'
import { plainly } from './merge.ts'
import { isMergeDue, mergeStatements } from './merge-statements.ts'
import { lockStatement, requireDefinition } from '../model/statements.ts'
import type { Shape } from '../model/shape.ts'

export function mergeProcedure(shapes: readonly Shape[]): Routine {
  const names = shapes.map(({ rollup }) => quoteLiteral(rollup.name))
  const known = names.length === 0 ? 'false' : `of_rollup in (${names.join(', ')})`
  return {
    kind: 'procedure',
    schema: 'pgstrata',
    name: 'merge',
    argumentTypes: ['text'],
    purpose: 'Merges the pending deltas of a rollup, or of all of them',
    create: `create or replace procedure pgstrata.merge(of_rollup text default null)
language plpgsql
as ${quoteLiteral(`#variable_conflict use_column
declare
  merged bigint;
  taken bigint;
  begun pg_catalog.timestamptz := pg_catalog.clock_timestamp();
  failed text[] := '{}';
  errors text[] := '{}';
begin
  if of_rollup is not null and not (${known}) then
    raise exception 'There is no rollup %', of_rollup using errcode = 'undefined_object';
  end if;
${[...shapes.map(partOf), noteAll].join('\n')}
end`)}`,
  }
}

function partOf(shape: Shape): string {
  const { rollup } = shape
  // Not indented: a literal may hold a line break.
  const sent = mergeStatements(shape).map((statement) => {
    return statement.startsWith('delete')
      ? `${statement};\n      get diagnostics taken = row_count;\n      merged := greatest(merged, taken);`
      : `${statement};`
  })
  return `  if coalesce(of_rollup = ${quoteLiteral(rollup.name)}, true) and ${isMergeDue(shape)} then
    commit;
    set transaction isolation level repeatable read;
    begin
      set local lock_timeout = '5s';
${plainly.map((setting) => `      ${setting};`).join('\n')}
      ${lockStatement(rollup)};
      perform ${requireDefinition(shape).slice('select '.length)};
      merged := 0;
${sent.join('\n')}
      if merged > 0 then
        update pgstrata.rollup
        set merged_at = pg_catalog.clock_timestamp(), merged_rows = merged,
          merge_ms = 1000 * extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp())
        where name = ${quoteLiteral(rollup.name)};
      end if;
    exception when others then
      raise warning 'Rollup % is not merged: %', ${quoteLiteral(rollup.name)}, sqlerrm;
      failed := failed || ${quoteLiteral(rollup.name)}::text;
      errors := errors || sqlerrm;
    end;
    commit;
  end if;`
}

/** As merging.ts has it of the job; by now in a transaction that is not REPEATABLE READ. */
const noteAll = `  insert into pgstrata.rollup_merging as m (name, seen_at, failures, failing_since, tried_at, last_error)
  select r.name, case when f.error is null then begun end, case when f.error is null then 0 else 1 end,
    case when f.error is not null then begun end, begun, f.error
  from pgstrata.rollup as r
  left join rows from (pg_catalog.unnest(failed), pg_catalog.unnest(errors)) as f (name, error) on f.name = r.name
  where r.state = 'live'
    and coalesce(r.name = of_rollup, true)
  on conflict (name)
  do update set seen_at = coalesce(excluded.seen_at, m.seen_at),
    failures = case when excluded.failures = 0 then 0 else m.failures + 1 end,
    failing_since = case when excluded.failures > 0 then coalesce(m.failing_since, excluded.failing_since) end,
    tried_at = excluded.tried_at, last_error = excluded.last_error, todo = null;`
