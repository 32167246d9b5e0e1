// Thirty migrations of every kind that a runner has to survive being killed in: DDL, statements outside transactions,
// data, code, backfills, and files that mix them. Each depends on those before, so a lost or repeated one shows.

const table = (n: number): string => `item_${n}`

function create(n: number): string {
  return `-- up
create table ${table(n)} (id bigint primary key, a int not null, b text, c int);
create table ${table(n)}_log (at timestamptz not null default now(), note text);
comment on table ${table(n)} is 'number ${n}';
-- down
drop table ${table(n)}_log;
drop table ${table(n)};
`
}

function fill(n: number): string {
  return `insert into ${table(n)} (id, a, b) select g, g, 'row ' || g from generate_series(1, 2000) as g;
update ${table(n)} set b = b || '!' where a % 10 = 0;
insert into ${table(n)}_log (note) values ('filled');
`
}

function indexes(n: number): string {
  return `create index concurrently ${table(n)}_a_idx on ${table(n)} (a);
create unique index concurrently ${table(n)}_b_idx on ${table(n)} (b, id);
alter table ${table(n)} add column d int default 7;
create index concurrently if not exists ${table(n)}_d_idx on ${table(n)} (d) where d > 3;
insert into ${table(n)}_log (note) values ('indexed');
`
}

function reshape(n: number): string {
  return `set search_path = public;
alter table ${table(n)} add constraint ${table(n)}_a_check check (a > 0) not valid;
alter table ${table(n)} validate constraint ${table(n)}_a_check;
drop index concurrently ${table(n)}_d_idx;
reindex index concurrently ${table(n)}_a_idx;
vacuum ${table(n)};
create type mood_${n} as enum ('low', 'high');
alter type mood_${n} add value 'middle' before 'high';
alter table ${table(n)} add column mood mood_${n} default 'middle';
insert into ${table(n)}_log (note) values ('reshaped');
`
}

function backfill(n: number): string {
  return `export const transaction = false
export async function up({ query, backfill, sql }) {
  await query(sql\`alter table ${table(n)} add column if not exists e int\`)
  await backfill({ table: ['${table(n)}'], set: sql\`e = a * 2\`, where: sql\`e is null\`, batchRows: 200 })
}
`
}

function code(n: number): string {
  return `export async function up({ query, sql }) {
  await query(sql\`create view ${table(n)}_view as select id, a, e from ${table(n)}\`)
  await query(sql\`insert into ${table(n)}_log (note) values ('seen')\`)
}
export async function down({ query, sql }) {
  await query(sql\`drop view ${table(n)}_view\`)
}
`
}

const kinds: readonly { readonly what: string; readonly extension: string; readonly text: (n: number) => string }[] = [
  { what: 'create', extension: 'sql', text: create },
  { what: 'fill', extension: 'sql', text: fill },
  { what: 'indexes', extension: 'sql', text: indexes },
  { what: 'reshape', extension: 'sql', text: reshape },
  { what: 'backfill', extension: 'mjs', text: backfill },
  { what: 'code', extension: 'mjs', text: code },
]

/** By file name. Five tables, six migrations each. */
export const thirtyMigrations: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from({ length: 5 }, (_, n) =>
    kinds.map(({ what, extension, text }, kind) => {
      const version = String(n * kinds.length + kind + 1).padStart(4, '0')
      return [`migrations/${version}_${what}_${n}.${extension}`, text(n)] as const
    }),
  ).flat(),
)

/** What the data must be, whatever happened on the way. */
export const contentQuery = `select string_agg(part, E'\\n' order by part) as content
from (
${Array.from(
  { length: 5 },
  (
    _,
    n,
  ) => `  select '${table(n)}: ' || count(*) || ' ' || md5(string_agg(id || ':' || a || ':' || b || ':' || d || ':' || e || ':' || mood, ',' order by id)) as part
  from ${table(n)}
  union all
  select '${table(n)}_log: ' || string_agg(note, ',' order by note) from ${table(n)}_log`,
).join('\n  union all\n')}
) as parts`
