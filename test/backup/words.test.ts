// What pgBackRest is told and what it says, word by word; and what a restored server is told.

import { describe, expect, test } from 'vitest'
import { parseInfo } from '../../src/backup/pgbackrest/parse-info.ts'
import { linesOf } from '../../src/backup/pgbackrest/log.ts'
import { parseVerify } from '../../src/backup/pgbackrest/parse-verify.ts'
import { renderConfigFile } from '../../src/backup/pgbackrest/config-file.ts'
import { requireKnown, requirementsOf } from '../../src/backup/pgbackrest/provider.ts'
import { recoveryLines } from '../../src/backup/scratch-server.ts'
import { choose, requireMark } from '../../src/backup/verify.ts'
import { compareAnswers } from '../../src/backup/questions.ts'
import { settingsIn } from '../support/backup-settings.ts'

const server = { dataDir: '/data', port: 5432, socketDir: '/run', database: 'app' }

describe('its configuration', () => {
  test('has the repository, the pass and what is kept', () => {
    const text = renderConfigFile(settingsIn('/etc', 'shop', { pass: 'a secret = # one', user: 'backup' }), server)
    expect(text.split('\n').slice(1, 6)).toEqual([
      '[global]',
      'repo1-path=/etc/repository',
      'repo1-cipher-type=aes-256-cbc',
      'repo1-cipher-pass=a secret = # one',
      'repo1-retention-full=2',
    ])
    expect(text).toContain(
      '[shop]\npg1-path=/data\npg1-port=5432\npg1-socket-path=/run\npg1-database=app\npg1-user=backup\n',
    )
  })

  test('of a bucket says where it is, and by which key or role', () => {
    const bucket = {
      kind: 's3',
      bucket: 'b',
      region: 'r',
      endpoint: 'e',
      prefix: '/p',
      pathStyle: true,
      caFile: '/ca',
    } as const
    const credentials = { accessKeyId: 'id', secretAccessKey: 'key' }
    const text = (given: typeof credentials | undefined): string =>
      renderConfigFile(settingsIn('/etc', 'shop', { repository: { ...bucket, credentials: given } }), server)
    expect(text(credentials)).toContain(
      'repo1-s3-uri-style=path\nrepo1-storage-ca-file=/ca\nrepo1-s3-key=id\nrepo1-s3-key-secret=key\n',
    )
    expect(text(undefined)).toContain('repo1-s3-key-type=auto\n')
    expect(text(undefined)).not.toContain('key-secret')
  })
})

test('a server that lacks settings is told them, and those of a shell are quoted', () => {
  const settings = { archive_mode: 'off', archive_command: '(disabled)', archive_timeout: '0', wal_level: 'minimal' }
  const named = { command: '/opt/my tools/pgbackrest', configFile: "/etc/it's 5%.conf", stanza: 'app' }
  expect(requirementsOf(named, { settings }).map(({ setting, needed, restart }) => [setting, needed, restart])).toEqual(
    [
      ['wal_level', 'replica', true],
      ['archive_mode', 'on', true],
      [
        'archive_command',
        `'/opt/my tools/pgbackrest' --config='/etc/it'\\''s 5%%.conf' --stanza=app archive-push %p`,
        false,
      ],
      ['archive_timeout', '60s', false],
    ],
  )
})

test('a version of the server that it does not know yet is refused with that sentence', () => {
  expect(() => requireKnown('2.45', { major: 15 })).not.toThrow()
  expect(() => requireKnown('2.45', { major: 16 })).toThrow(
    'pgBackRest 2.45 does not know PostgreSQL 16: expected pgBackRest 2.46 or newer, got 2.45',
  )
  expect(() => requireKnown('2.53', { major: 17 })).toThrow('2.53.1 or newer')
  expect(() => requireKnown('2.60.0', { major: 18 })).not.toThrow()
  expect(() => requireKnown('2.60.0', { major: 19 })).toThrow('a newer pgstrata')
})

test('lines are told with those that belong to them, and without the times of a log', () => {
  const err = [
    'an unrelated line',
    'ERROR: [082]: WAL segment 000000010000000000000001 was not archived before the 60000ms timeout',
    '       HINT: check the archive_command to ensure that all options are correct.',
    "2026-11-22 18:00:00.000 P01   WARN: invalid checksum 'backup/app/base/1/2.gz'",
    'an unrelated line',
  ].join('\n')
  expect(linesOf({ out: '', err })).toEqual([
    {
      level: 'ERROR',
      text: '[082]: WAL segment 000000010000000000000001 was not archived before the 60000ms timeout HINT: check the archive_command to ensure that all options are correct.',
    },
    { level: 'WARN', text: "invalid checksum 'backup/app/base/1/2.gz'" },
  ])
})

describe('its look through the repository', () => {
  const [first, second, third, fourth] = [1, 3, 5, 7].map((n) => `00000001000000000000000${n}`)
  const faultsOf = (err: readonly string[], out = 'stanza: app\nstatus: ok', walFrom = first): readonly string[] => {
    const at = new Date(0)
    const sizes = { bytes: 0, storedBytes: 0, walTo: walFrom ?? '', error: null }
    const record = { label: 'a', kind: 'full', beganAt: at, endedAt: at, walFrom: walFrom ?? '', ...sizes } as const
    return parseVerify({ code: 0, out, err: err.join('\n') }, [record]).map(({ what }) => what)
  }
  const begun = 'INFO: verify command begin 2.45: --config=/srv/missing/invalid.conf --output=text'
  const ranges = [
    `DETAIL: archiveId: 15-1, wal start: ${first}, wal stop: ${second}`,
    `DETAIL: archiveId: 15-1, wal start: ${third}, wal stop: ${fourth}`,
  ]

  test('finds nothing where it says so', () => {
    expect(faultsOf([begun, ranges[0] ?? ''])).toEqual([])
    // Another timeline begins where it likes.
    expect(faultsOf([ranges[0] ?? '', ranges[1]?.replaceAll('0000000100', '0000000200') ?? ''])).toEqual([])
  })

  test('is believed by what it names, also where it ends well', () => {
    const told = ["INFO: invalid checksum 'a/pg_data/base/5/2838.gz'", "INFO: file missing 'a/pg_data/global/1.gz'"]
    const status = 'stanza: app\nstatus: error\n  backup: a, status: invalid\n    missing: 1, checksum invalid: 1'
    expect(faultsOf([begun, ...told, `INFO: ${status}`], status)).toEqual([
      "invalid checksum 'a/pg_data/base/5/2838.gz'",
      "file missing 'a/pg_data/global/1.gz'",
    ])
    expect(faultsOf([], status)).toEqual(['pgbackrest verify failed, and did not say why'])
  })

  test('shows WAL that is missing in the middle, where a backup needs it', () => {
    expect(faultsOf(ranges)).toEqual([
      `WAL is missing between ${second} and ${third}: nothing can be restored to a moment in it`,
    ])
    expect(faultsOf(ranges, undefined, third)).toEqual([])
  })
})

describe('what it has', () => {
  const stanza = (code: number, message: string): string =>
    JSON.stringify([{ name: 'app', backup: [], status: { code, message }, repo: [] }])

  test.each([1, 2, 3])('is nothing at status %i', (code) => {
    expect(parseInfo(stanza(code, 'no valid backups'), 'app')).toEqual([])
  })

  test('is not known where the repository cannot be read', () => {
    expect(() => parseInfo(stanza(99, 'other'), 'app')).toThrow('The repository cannot be read: other')
    expect(() => parseInfo('no json', 'app')).toThrow('did not answer with JSON')
    expect(parseInfo('[]', 'app')).toEqual([])
  })
})

test('a restored server recovers as it was told and takes no other setting over', () => {
  const auto = "shared_preload_libraries = 'x'\nrestore_command = 'get %f'\nrecovery_target_time = 'now'\nport = '1'\n"
  expect(recoveryLines(auto)).toBe("restore_command = 'get %f'\nrecovery_target_time = 'now'\n")
})

test('the newest mark says to which moment it was restored', () => {
  expect(requireMark('7', { least: '7', most: '8' })).toBe('7')
  expect(() => requireMark('9', { least: '7', most: '8' })).toThrow('expected mark 7 or 8 as its newest, got mark 9')
  expect(() => requireMark(undefined, { least: '7', most: '7' })).toThrow('expected mark 7 as its newest, got none')
})

test('an answer has to be the one of the primary where that stood still', () => {
  const answers = (text: string): ReadonlyMap<string, string> => new Map([['plays', text]])
  const still = { before: answers('1'), after: answers('1') }
  expect(compareAnswers(answers('1'), still)).toEqual({ plays: 'equal' })
  expect(compareAnswers(answers('2'), { before: answers('1'), after: answers('3') })).toEqual({ plays: 'answered' })
  expect(compareAnswers(answers('2'), undefined)).toEqual({ plays: 'answered' })
  expect(() => compareAnswers(answers('2'), still)).toThrow('Check "plays" is answered in another way')
})

test('a restore begins with the newest whole backup that had ended before the moment', () => {
  const record = (label: string, second: number, error: string | null = null): Parameters<typeof choose>[0][number] => {
    const at = new Date(second * 1_000)
    return { label, kind: 'full', beganAt: at, endedAt: at, bytes: 0, storedBytes: 0, walFrom: '', walTo: '', error }
  }
  const records = [record('a', 10), record('b', 20), record('c', 30, 'damaged')]
  expect(choose(records, new Date(40_000)).label).toBe('b')
  // Its end is told in whole seconds.
  expect(choose(records, new Date(20_500)).label).toBe('a')
  expect(() => choose(records, new Date(5_000))).toThrow('There is no backup from before that moment')
  expect(() => choose([], new Date(5_000))).toThrow('There is no backup yet')
})
