// `warm`, `cold` and `archive` of a configuration: what is filled in, and what is refused at its place.

import { describe, expect, test } from 'vitest'
import { resolveConfig, type ResolvedConfig } from '../../src/config/index.ts'

function resolve(more: object): ResolvedConfig {
  return resolveConfig<unknown>(
    { database: { primary: 'postgresql://localhost/app' }, ...more },
    { root: '/app', name: 'pgstrata.config.ts' },
  )
}

const laidOut = { time: 'played_at', partition: 'month' }
const to = 's3://bucket/prefix'

describe('tiers in a configuration', () => {
  test('what is not said is filled in', () => {
    const { tiered, archive } = resolve({
      tables: { plays: { ...laidOut, warm: { after: '30 days' }, cold: { after: '1 year' } }, other: laidOut },
      archive: { to },
    })
    expect(tiered).toEqual([
      {
        partitioned: expect.objectContaining({ key: 'plays' }),
        warm: {
          due: { age: '30 days' },
          overBytes: undefined,
          unread: undefined,
          strength: 'packed',
          segmentBy: [],
          orderBy: [{ column: 'played_at', descending: false }],
          rows: 1_000,
          indexes: [],
          accept: [],
        },
        cold: { due: { age: '1 year' }, grace: '7 days', to: undefined },
      },
    ])
    expect(archive).toEqual({
      store: {
        to,
        s3: {
          region: undefined,
          endpoint: undefined,
          pathStyle: false,
          storageClass: undefined,
          encryption: undefined,
          partSizeBytes: 16 * 1_024 ** 2,
          tries: 5,
          timeoutMs: 60_000,
          credentials: undefined,
        },
      },
      workDir: '/app/.pgstrata/archive',
      cache: { dir: '/app/.pgstrata/cache', sizeBytes: 10 * 1_024 ** 3 },
      duck: { memory: '1048576KiB', threads: 2 },
      verify: { everyMs: 7 * 86_400_000, share: 0.1 },
      retain: undefined,
    })
  })

  test('what is said stays', () => {
    const warm = {
      after: { count: 3 },
      over: '50 GB',
      unread: '14 days',
      segmentBy: ['song_id', 'genre'],
      orderBy: ['played_at desc', 'play_id'],
      rows: 500,
      accept: ['unenforced-references'],
    }
    const cold = { after: { count: 12 }, grace: '30 minutes', to: 'elsewhere' }
    const { tiered, archive } = resolve({
      tables: { plays: { partition: { id: 'play_id', every: 1_000 }, warm, cold } },
      archive: { to: './cold', verify: false, retain: '7 years', memory: '2 GB' },
    })
    expect(tiered[0]).toMatchObject({
      warm: {
        due: { count: 3 },
        overBytes: 50 * 1_024 ** 3,
        unread: '14 days',
        segmentBy: ['song_id', 'genre'],
        orderBy: [
          { column: 'played_at', descending: true },
          { column: 'play_id', descending: false },
        ],
        rows: 500,
        accept: ['unenforced-references'],
      },
      cold: { due: { count: 12 }, grace: '30 minutes', to: '/app/elsewhere' },
    })
    expect(archive).toMatchObject({ store: { to: '/app/cold' }, verify: undefined, retain: '7 years' })
  })

  test('a slim partition has indexes of its own', () => {
    const indexes = { by_song: 'song_id', by_listener: { on: 'listener', where: 'song_id > 5' } }
    const { tiered } = resolve({ tables: { plays: { ...laidOut, warm: { strength: 'slim', indexes } } } })
    const usual = { unique: false, method: 'btree', where: undefined, include: [], with: {} }
    expect(tiered[0]?.warm).toMatchObject({
      due: undefined,
      strength: 'slim',
      indexes: [
        { ...usual, name: 'by_song', on: 'song_id' },
        { ...usual, name: 'by_listener', on: 'listener', where: 'song_id > 5' },
      ],
    })
  })

  const of = (more: object): object => ({ tables: { plays: { ...laidOut, ...more } }, archive: { to } })

  test.each<[string, object, RegExp]>([
    [
      'no partitions',
      { tables: { plays: { expire: 'false', warm: { after: '1 day' } } } },
      /tables\.plays\.warm: expected `partition` beside it/,
    ],
    [
      'partitions by hash alone',
      { tables: { plays: { partition: { hash: 'id', into: 4 }, warm: { after: '1 day' } } } },
      /tables\.plays\.warm: expected nothing: partitions by hash alone/,
    ],
    [
      'cold before warm',
      of({ warm: { after: '90 days' }, cold: { after: '2 months' } }),
      /tables\.plays\.cold\.after: expected more than `warm\.after`, got "2 months"/,
    ],
    [
      'cold with as many partitions as warm',
      of({ warm: { after: { count: 3 } }, cold: { after: { count: 3 } } }),
      /tables\.plays\.cold\.after: expected more than `warm\.after`, got a count of 3/,
    ],
    [
      'rows that are dropped before they are archived',
      of({ cold: { after: '1 year' }, retain: '6 months' }),
      /tables\.plays\.retain: expected more than `cold\.after`, got "6 months": rows would be dropped before/,
    ],
    [
      'two who archive',
      of({ cold: { after: '1 year' }, retain: { for: '2 years', archive: async () => {} } }),
      /tables\.plays\.retain\.archive: expected nothing beside `cold`/,
    ],
    [
      'rows that expire and cannot be found',
      of({ warm: { after: '1 day' }, expire: 'played_at < now()' }),
      /tables\.plays\.expire: expected nothing beside `warm` and `cold`/,
    ],
    [
      'no archive',
      { tables: { plays: { ...laidOut, cold: { after: '1 year' } } } },
      /tables\.plays\.cold: expected `archive\.to`/,
    ],
    [
      'the partition column as a key of segments',
      of({ warm: { segmentBy: ['song_id', 'played_at'] } }),
      /tables\.plays\.warm\.segmentBy\[1\]: expected another column than "played_at"/,
    ],
    [
      'a column twice',
      of({ warm: { segmentBy: ['song_id'], orderBy: ['song_id desc'] } }),
      /tables\.plays\.warm\.orderBy\[0\]: expected each column once, got "song_id" again/,
    ],
    [
      'indexes of what is packed',
      of({ warm: { indexes: { by_song: 'song_id' } } }),
      /tables\.plays\.warm\.indexes: expected nothing: it means nothing with strength 'packed'/,
    ],
    [
      'segments of what is slim',
      of({ warm: { strength: 'slim', rows: 500 } }),
      /tables\.plays\.warm\.rows: expected nothing: it means nothing with strength 'slim'/,
    ],
    ['segments of a few rows', of({ warm: { rows: 99 } }), /tables\.plays\.warm\.rows: .*100/],
    ['no span', of({ cold: { after: '1 mon' } }), /tables\.plays\.cold\.after: expected a span/],
    ['no size', of({ warm: { over: '50' } }), /tables\.plays\.warm\.over: Not a quantity/],
    ['no cold.after', of({ cold: {} }), /tables\.plays\.cold\.after/],
    ['another scheme', { archive: { to: 'gs://bucket' } }, /archive\.to: expected 's3:\/\/bucket\/prefix'/],
    ['a bucket with no name', { archive: { to: 's3://' } }, /archive\.to: expected 's3:\/\/bucket\/prefix'/],
    ['small parts', { archive: { to, s3: { partSize: '1MB' } } }, /archive\.s3\.partSize: expected '5MB' to '1GB'/],
    ['a share beyond all', { archive: { to, verify: { share: 1.5 } } }, /archive\.verify\.share/],
    ['an endpoint of another kind', { archive: { to, s3: { endpoint: 'minio:9000' } } }, /archive\.s3\.endpoint/],
  ])('%s is refused at its place', (_what, written, message) => {
    expect(() => resolve(written)).toThrow(message)
  })

  test('what cannot be compared is not', () => {
    const warm = { after: '90 days' }
    expect(resolve(of({ warm, cold: { after: { count: 2 } }, retain: { count: 3 } })).tiered).toHaveLength(1)
  })

  test('no message has a key or a URL', () => {
    const credentials = { accessKeyId: '', secretAccessKey: 'hidden-key' }
    const written = { archive: { to: 'https://user:hidden-key@host/', s3: { credentials } } }
    const refused = (() => {
      try {
        return resolve(written)
      } catch (error) {
        return JSON.stringify(error)
      }
    })()
    expect(refused).toMatch(/archive\.to: .*archive\.s3\.credentials\.accessKeyId/)
    expect(refused).not.toContain('hidden-key')
  })
})
