import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { defineConfig, findConfig, loadConfig, resolveConfig } from '../../src/config/index.ts'

const database = { primary: 'postgres://app:hunter2@db.example:5433/app' }
const resolve = (written: unknown): ReturnType<typeof resolveConfig> =>
  resolveConfig(written, { root: '/project', name: 'pgstrata.config.ts' })

describe('a configuration', () => {
  test('is complete, in milliseconds and frozen once resolved', () => {
    const config = resolve(defineConfig({ database, migrations: { lockTimeout: { first: '50ms' }, wait: '1 min' } }))
    expect(config).toMatchObject({
      database: { direct: database.primary, connectTimeoutMs: 10_000 },
      migrate: {
        dir: '/project/migrations',
        waitMs: 60_000,
        ladder: { firstTimeoutMs: 50, lastTimeoutMs: 1_000, tries: 20 },
        lint: { gate: 'error', rules: {} },
      },
      dev: { version: 18, replicas: 1, database: 'app', dir: '/project/.pgstrata' },
    })
    expect(Object.isFrozen(config.migrate.ladder)).toBe(true)
  })

  test.each([
    [{}, 'database: expected object, got nothing'],
    [
      { database: {} },
      'database.primary: expected string, got nothing (is the environment variable it comes from set?)',
    ],
    [{ database: { primary: 42 } }, 'database.primary: expected string, got 42'],
    [
      { database: { primary: 'mysql://db' } },
      "database.primary: Not a PostgreSQL URL: expected something like 'postgres://user:password@host:5432/database', got a URL of kind 'mysql:'",
    ],
    [{ database, migrate: {} }, 'migrate: there is no such key (docs/config.md lists them)'],
    [{ database, migrations: { dri: 'x' } }, 'migrations.dri: there is no such key (docs/config.md lists them)'],
    [
      { database, migrations: { wait: 'soon' } },
      "migrations.wait: Not a quantity: expected a duration such as '50ms', '10s', '5 min' or '30 days', got \"soon\"",
    ],
    [{ database, dev: { version: 14 } }, 'dev.version: expected 15 or 16 or 17 or 18, got 14'],
    [{ database, dev: { replicas: 9 } }, 'dev.replicas: Too big: expected number to be <=8, got 9'],
    [
      { database, migrations: { lint: { rules: { 'no-such-rule': 'off' } } } },
      'migrations.lint.rules.no-such-rule: there is no such key (docs/config.md lists them)',
    ],
    ['postgres://db', 'the configuration: expected object, got a URL'],
  ])('%j is refused with path, expected and got', (written, complaint) => {
    expect(() => resolve(written)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: `pgstrata.config.ts: ${complaint}` }),
    )
  })

  test('all mistakes are told at once', () => {
    expect(() => resolve({ database: { primary: 1 }, extra: true, dev: { port: -1 } })).toThrow(
      expect.objectContaining({
        message: 'pgstrata.config.ts has 3 mistakes',
        notes: expect.arrayContaining([expect.stringMatching(/^dev\.port: /), expect.stringMatching(/^extra: /)]),
      }),
    )
  })

  test('a password in a URL is shown in no complaint', () => {
    for (const written of [{ database: { primary: 'postgres:hunter2@/x y' } }, { database, dev: database.primary }]) {
      let shown = ''
      try {
        resolve(written)
      } catch (error) {
        shown = JSON.stringify(error) + String(error)
      }
      expect(shown).not.toBe('')
      expect(shown).not.toContain('hunter2')
    }
  })
})

describe('the loader', () => {
  const inFolder = async (
    files: Readonly<Record<string, string>>,
    work: (dir: string) => Promise<void>,
  ): Promise<void> => {
    const dir = await mkdtemp(join(tmpdir(), 'pgstrata-config-'))
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text)
    try {
      await work(dir)
    } finally {
      await rm(dir, { recursive: true })
    }
  }

  test.each([
    [
      'pgstrata.config.ts',
      `const url: string = '${database.primary}'\nexport default { database: { primary: url } } satisfies object`,
    ],
    ['pgstrata.config.js', `export default { database: { primary: '${database.primary}' } }`],
    ['pgstrata.config.mjs', `export default { database: { primary: '${database.primary}' } }`],
    ['pgstrata.config.json', JSON.stringify({ database })],
  ])('reads %s', (name, text) =>
    inFolder({ [name]: text }, async (dir) => {
      const { path, config } = await loadConfig({ cwd: dir })
      expect(path).toBe(join(dir, name))
      expect(config.database.primary).toBe(database.primary)
    }),
  )

  test('sees a file as it is now', () =>
    inFolder({ 'pgstrata.config.ts': `export default { database: { primary: 'postgres://one/a' } }` }, async (dir) => {
      expect((await loadConfig({ cwd: dir })).config.database.primary).toBe('postgres://one/a')
      await writeFile(join(dir, 'pgstrata.config.ts'), `export default { database: { primary: 'postgres://two/a' } }`)
      expect((await loadConfig({ cwd: dir })).config.database.primary).toBe('postgres://two/a')
    }))

  test.each([
    ['export default {', 'CONFIG_UNREADABLE'],
    ["throw new Error('no')", 'CONFIG_UNREADABLE'],
    ['export const config = 1', 'CONFIG_UNREADABLE'],
    ['export default 7', 'CONFIG_INVALID'],
  ])('%j is refused', (text, code) =>
    inFolder({ 'pgstrata.config.mjs': text }, async (dir) => {
      await expect(loadConfig({ cwd: dir })).rejects.toMatchObject({ code })
    }),
  )

  test('no file, and a file named that is not there', () =>
    inFolder({}, async (dir) => {
      expect(() => findConfig({ cwd: dir })).toThrow(expect.objectContaining({ code: 'CONFIG_NOT_FOUND' }))
      await expect(loadConfig({ cwd: dir, file: 'other.ts' })).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' })
    }))
})
