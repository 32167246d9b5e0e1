import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { createClassifier, loadParser } from '../../src/sql/classify/index.ts'
import { checkProperty } from '../support/property.ts'

beforeAll(loadParser)

/** A SELECT with holes: «E» takes an expression, «F» an item of FROM, «Q» a query. */
const { query } = fc.letrec<{ query: string; expression: string; source: string }>((tie) => {
  const fill = (template: string): fc.Arbitrary<string> => {
    const kinds = template.match(/[EFQ]\?/g) ?? []
    const parts = kinds.map((kind) => tie(kind === 'E?' ? 'expression' : kind === 'F?' ? 'source' : 'query'))
    return fc.tuple(...parts).map((texts) => {
      const rest = [...texts]
      return template.replace(/[EFQ]\?/g, () => rest.shift() as string)
    })
  }
  const oneOf = (leaf: string, templates: readonly string[]): fc.Arbitrary<string> =>
    fc.oneof({ maxDepth: 4, depthSize: 'small' }, fc.constant(leaf), ...templates.map(fill))
  return {
    query: oneOf('«Q»', [
      'select E? from F?',
      'select E?, E? as b from F? where E? is null order by E? limit 1',
      'select count(*) filter (where E? = E?) over (partition by E?) from F? group by rollup (E?) having E? > 1',
      'with a as (Q?), b as materialized (Q?) select E? from a',
      'with recursive a as (select E? union all (Q?)) select * from a, F?',
      '(Q?) union all (Q?)',
      'values (E?), (E?)',
      'select distinct on (E?) E? from F? join F? on E? = E?',
    ]),
    expression: oneOf('«E»', [
      '(E? + E?)',
      'lower(E?)',
      'case when E? then E? else E? end',
      'coalesce(E?, E?)',
      '(Q?)',
      'exists (Q?)',
      'E? in (Q?)',
      'array[E?, E?]',
      'array(Q?)',
      'row(E?, 1)',
      'E?::int',
      '(E?)[E?]',
      'string_agg(E?, E? order by E?)',
      'mode() within group (order by E?)',
      `json_object('a': E?)`,
      `jsonb_build_object('a', E?) -> 'a'`,
    ]),
    source: oneOf('«F»', [
      '(Q?) as s',
      'lateral (Q?) as l',
      'generate_series(1, E?) as g',
      'rows from (unnest(E?), generate_series(E?, 2)) as r',
      'plays tablesample system (E?)',
      `json_table(E?, '$' columns (a int path '$' default E? on empty)) as j`,
      'F? cross join F?',
    ]),
  }
})

const harmless: Readonly<Record<string, readonly string[]>> = {
  E: ['1', 'title', `'for update'`, '$1', 'now()', 'random()', 'current_user'],
  F: ['plays', 'public.plays as p', 'pg_class', 'generate_series(1, 2)'],
  Q: ['select 1', 'table plays', 'select * from plays where id = $1'],
}

const unsafe: Readonly<Record<string, readonly string[]>> = {
  E: [
    `nextval('a')`,
    'f(1)',
    'public.lower(1)',
    `set_config('a', 'b', true)`,
    'pg_backend_pid()',
    `current_setting('port')`,
    '(select 1 from plays for update)',
    '1::pg_temp.a',
    '(select 1 from pg_locks)',
    'pg_advisory_xact_lock(1)',
  ],
  F: ['pg_locks', 'pg_catalog.pg_stat_activity', 'pg_temp.a', 'f() as x', '(select 1 for share) as x', `nextval('a')`],
  Q: [
    'select 1 for no key update',
    'with x as (delete from plays returning 1) select * from x',
    'with x as (insert into plays values (1) returning 1) select 1',
    'select f()',
    'select 1 from pg_settings',
    'select 1 into x',
  ],
}

test('a query made of harmless parts is a read, and one unsafe part anywhere makes it a write', async () => {
  const classifier = createClassifier()
  const input = fc.record({ query, chosen: fc.nat(), salt: fc.nat() })
  await checkProperty(
    'one unsafe part',
    input,
    ({ query, chosen, salt }) => {
      const holes = query.match(/«[EFQ]»/g)?.length ?? 0
      const place = chosen % holes
      const fillWith = (isUnsafe: (index: number) => boolean): string => {
        let index = 0
        return query.replace(/«([EFQ])»/g, (_hole, kind: string) => {
          const parts = (isUnsafe(index) ? unsafe : harmless)[kind] ?? []
          return parts[(salt + index++) % parts.length] ?? ''
        })
      }
      const safe = fillWith(() => false)
      expect({ safe, ...classifier.classify(safe) }).toMatchObject({ safe, route: 'read', reason: 'only reads' })
      const tainted = fillWith((index) => index === place)
      expect({ tainted, ...classifier.classify(tainted) }).toMatchObject({ tainted, route: 'write' })
    },
    { runs: 2_000 },
  )
})

test('no text makes it throw, and what does not parse is a write that pins', async () => {
  const classifier = createClassifier()
  const words = fc.constantFrom(
    'select',
    'from',
    "'",
    '"',
    '$$',
    '$1',
    '(',
    ')',
    ';',
    '--',
    '/*',
    '*/',
    '\0',
    'E',
    '\\',
    '1',
  )
  const scraps = fc.array(words, { maxLength: 30 }).map((parts) => parts.join(' '))
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string(), scraps)
  await checkProperty(
    'any text',
    text,
    (text) => {
      const found = classifier.classify(text)
      if (/pars/.test(found.reason))
        expect(found).toMatchObject({ route: 'write', keepsState: true, preparable: false })
      if (found.route === 'read') expect(found.reason).toMatch(/^(only reads|holds no statement)$/)
    },
    { runs: 3_000, examples: [['\ud800'], ['\0'], ["'\udc00"], ['﻿select 1'], ['$']] },
  )
})
