// `backup` of a configuration: its defaults, what follows from it, and what is refused without being shown.

import { expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import { resolveConfig, type ResolvedConfig } from '../../src/config/index.ts'

const resolve = (backup: unknown, more: object = {}): ResolvedConfig =>
  resolveConfig(
    { database: { primary: 'postgres://localhost/app' }, backup, ...more },
    { root: '/srv/app', name: 'test' },
  )

function mistakesOf(backup: unknown): readonly string[] {
  try {
    resolve(backup)
  } catch (error) {
    if (!isStrataError(error, 'CONFIG_INVALID')) throw error
    return (error.details['issues'] as { path: string; text: string }[]).map(({ path, text }) => `${path}: ${text}`)
  }
  return []
}

test('nothing is backed up where it is not declared', () => {
  expect(resolve(undefined).backup).toBeUndefined()
})

test('a folder is enough', () => {
  const zone = 'Europe/Berlin'
  expect(resolve({ repository: { path: 'backups' } }, { jobs: { zone } }).backup).toEqual({
    provider: 'pgbackrest',
    stanza: 'app',
    command: 'pgbackrest',
    configFile: '/etc/pgbackrest/pgstrata.conf',
    user: undefined,
    repository: { kind: 'folder', path: '/srv/app/backups' },
    pass: undefined,
    schedule: {
      full: { cron: '0 3 * * 0', zone },
      differential: { cron: '0 3 * * 1-6', zone },
      incremental: undefined,
    },
    keep: { full: 2, differential: undefined },
    processes: 2,
    verify: {
      everyMs: 604_800_000,
      dir: '/var/tmp/pgstrata-verify',
      binaries: undefined,
      alertAfterMs: 1_209_600_000,
      checks: [],
      amcheck: true,
    },
  })
})

test('a bucket, other times, and checks', () => {
  const s3 = { bucket: 'backups', region: 'eu-central-1', endpoint: 's3.eu-central-1.amazonaws.com', prefix: 'shop' }
  const { backup } = resolve({
    repository: { s3 },
    encryption: { pass: 'sixteen characters' },
    schedule: { differential: false, incremental: '0 * * * *', zone: 'UTC' },
    verify: { every: '1 day', alertAfter: '3 days', checks: { plays: 'select count(*) from plays' } },
  })
  expect(backup).toMatchObject({
    repository: { kind: 's3', prefix: '/shop', pathStyle: false, caFile: undefined, credentials: undefined },
    pass: 'sixteen characters',
    schedule: { differential: undefined, incremental: { cron: '0 * * * *', zone: 'UTC' } },
    verify: { checks: [{ name: 'plays', sql: 'select count(*) from plays' }] },
  })
})

test('without verification by its job it can be asked for by hand', () => {
  expect(resolve({ repository: { path: '/b' }, verify: false }).backup?.verify).toMatchObject({
    everyMs: undefined,
    alertAfterMs: undefined,
    dir: '/var/tmp/pgstrata-verify',
  })
})

test('the alert about verified restores follows `alertAfter`, unless its own bound is written', () => {
  const overOf = ({ alerts }: ResolvedConfig): number | undefined =>
    alerts.rules.find(({ name }) => name === 'BackupUnverified')?.over
  const backup = { repository: { path: '/b' }, verify: { every: '1 day', alertAfter: '2 days' } }
  expect(overOf(resolve(backup, { watch: {} }))).toBe(172_800)
  expect(overOf(resolve(backup, { watch: {}, alerts: { rules: { BackupUnverified: { over: '5 days' } } } }))).toBe(
    432_000,
  )
  expect(overOf(resolve(backup, { watch: {}, alerts: { rules: { BackupUnverified: { keep: '1s' } } } }))).toBe(172_800)
  expect(overOf(resolve(backup, { watch: {}, alerts: { rules: { BackupUnverified: false } } }))).toBeUndefined()
  expect(overOf(resolve({ ...backup, verify: false }, { watch: {} }))).toBeUndefined()
  expect(overOf(resolve(undefined, { watch: {} }))).toBe(1_209_600)
})

test('whoever tries it less often is told of it less early, and never between two that go well', () => {
  const daysOf = (every: string): number =>
    (resolve({ repository: { path: '/b' }, verify: { every } }).backup?.verify.alertAfterMs ?? 0) / 86_400_000
  expect(['1 day', '7 days', '8 days', '30 days'].map(daysOf)).toEqual([14, 14, 16, 60])
  const mistake = (verify: object): string | undefined => mistakesOf({ repository: { path: '/b' }, verify })[0]
  expect(mistake({ every: '30 days', alertAfter: '14 days' })).toMatch(
    /^backup\.verify\.alertAfter: expected longer than `every` \(30 days\), .*, got 14 days$/,
  )
  expect(mistake({ alertAfter: '7 days' })).toMatch(/^backup\.verify\.alertAfter: /)
  expect(mistake({ alertAfter: '8 days' })).toBeUndefined()
  expect(mistake({ every: 'now and then', alertAfter: '1 day' })).toMatch(/^backup\.verify\.every: /)
})

test('mistakes are told by their path, and no secret is shown', () => {
  expect(mistakesOf({ repository: {} })).toEqual(['backup.repository.path: expected `path` or `s3`, got neither'])
  const pass = 'two\nlines that nobody may see'
  const told = mistakesOf({ repository: { path: '/b' }, encryption: { pass } })
  expect(told).toEqual(['backup.encryption.pass: expected a pass of 16 to 1,000 characters of ASCII'])
  expect(mistakesOf({ repository: { path: '/b' }, encryption: { pass: 'short' } })[0]).not.toContain('short')
  expect(mistakesOf({ repository: { path: '/b' }, schedule: { full: 'daily' } })[0]).toMatch(
    /^backup\.schedule\.full: /,
  )
  expect(mistakesOf({ repository: { path: '/b' }, keep: { full: 0 } })[0]).toMatch(/^backup\.keep\.full: /)
})
