// What the role that converts may not do is said before anything begins, not by the server in the swap.

import { expect, it } from 'vitest'
import { readBound, type Method } from '../../../src/partitions/convert/bound/index.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { convert, methods, obstacles, run, subjectOf } from './support.ts'

const owner = 'pgstrata_bound_owner'
const member = 'pgstrata_bound_member'

const roles = [owner, member].map(
  (role) =>
    `do $$ begin create role ${role} nologin; exception when duplicate_object or unique_violation then null; end $$`,
)
const tables = `create table songs (id bigint primary key);
create table plays (id bigint, at timestamptz not null, song_id bigint references songs, primary key (id, at));
create statistics numbers on id, song_id from plays;
alter table plays owner to ${owner};
create view shown as select id from plays;
create table guarded (id bigint);
create policy seen on guarded using (exists (select from plays p where p.id = guarded.id));
create table logged (id bigint);
create rule purge as on update to logged do also delete from plays where id = new.id;
create table refs (id bigint, at timestamptz, foreign key (id, at) references plays);
create function counted() returns bigint language sql return (select count(*) from plays);
create publication listed for table plays with (publish_via_partition_root = true);
create publication everything for all tables with (publish_via_partition_root = true)`

describeOnEachVersion('a role that owns not everything', (version) => {
  it('is told what it lacks', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(db, ...roles, `grant ${owner} to ${member}`, 'revoke create on schema public from public', tables)
      const lacking = async (method: Method): Promise<unknown> =>
        await db.withSession(async (session) => {
          await run(session, `set role ${member}`)
          const items = await readBound(session, subjectOf({ table: 'plays', method }))
          await run(session, 'reset role')
          return items.filter(({ kind }) => kind === 'privilege').map(({ name }) => name)
        })
      const expected = [
        'function public.counted()',
        'publication listed',
        'schema public',
        'schema public',
        'statistics object public.numbers',
        'table public.guarded',
        'table public.logged',
        'table public.refs',
        'table public.songs',
        'view public.shown',
      ]
      for (const method of methods) expect(await lacking(method)).toEqual(expected)
      await run(db, `grant references on songs to ${member}`, `grant create on schema public to ${owner}`)
      expect(await lacking('relabel')).not.toContain('table public.songs')
      expect(await lacking('copy')).toContain('table public.songs')
      expect(await lacking('copy')).not.toContain('schema public')
    } finally {
      await database.close()
    }
  })

  it.each(methods)('lacks nothing that the conversion does not need (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        ...roles,
        `grant ${owner} to ${member}`,
        'create table songs (id bigint primary key)',
        'create table plays (id bigint, at timestamptz not null, song_id bigint references songs)',
        `alter table plays owner to ${owner}`,
        `grant references, update on songs to ${member}`,
        `grant create, usage on schema public to ${owner}`,
        'create publication everything for tables in schema public with (publish_via_partition_root = true)',
      )
      if (method === 'copy') await run(db, 'drop publication everything')
      expect(obstacles(await convert(db, subjectOf({ table: 'plays', method }), { role: member }))).toEqual([])
    } finally {
      await database.close()
    }
  })
})
