// `pgstrata tier`: what it shows before and behind a move, moves by name and by the job, and what it refuses.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PackReport, TableTierStatus } from '../../src/tiers/index.ts'
import { command } from '../support/command.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { createProject, type Project } from '../support/project.ts'
import { createPlays, tieredTables } from '../tiers/plays-support.ts'

describeOnEachVersion('pgstrata tier', (_version, database) => {
  let project: Project
  beforeAll(async () => {
    await createPlays(database().db)
    project = await createProject(database().url, { config: { tables: tieredTables } })
  })
  afterAll(() => project.close())
  const tier = (...args: readonly string[]): ReturnType<typeof command> => command(project.dir, 'tier', ...args)
  const told = async <T>(...args: readonly string[]): Promise<T> => {
    const { code, out, err } = await tier(...args, '--json')
    expect([code, err]).toEqual([0, ''])
    return JSON.parse(out) as T
  }
  const stateOf = async (partition: string): Promise<string | undefined> => {
    const { tables } = await told<{ tables: readonly TableTierStatus[] }>('status', 'plays')
    return tables[0]?.partitions.find(({ name }) => name === partition)?.state
  }

  test('what is declared and not applied moves nothing, and says so', async () => {
    const { code, out } = await tier('status')
    expect([code, out]).toEqual([
      0,
      `plays  declared  3 partitions  3 hot

warn  plays: its tiers are declared and not applied: nothing is moved
      → run \`pgstrata apply\`
`,
    ])
    const refused = await tier('pack', 'plays', 'plays_2020_01')
    expect(refused.code).not.toBe(0)
    expect(refused.err).toContain('has no tiers yet')
    expect((await command(project.dir, 'apply')).code).toBe(0)
  })

  test('a partition is packed by name, and its status and its pack are told', async () => {
    const { code, out } = await tier('pack', 'plays', 'plays_2020_01')
    expect(code).toBe(0)
    expect(out).toMatch(/^plays_2020_01: packed, 2,232 rows, [\d.]+ kB became [\d.]+ kB \([\d.]+×\)\n$/)
    const status = await tier('status', 'plays')
    expect(status.out).toMatch(
      /^public\.plays {2}applied\n\n {2}plays_2020_01 +packed +2,232 rows +[\d.]+ kB, was [\d.]+ kB \(/,
    )
    expect(status.out).toMatch(/ {2}plays_2020_02 +hot .*pack next\n {2}plays_to_come +hot /)
    const segments = await tier('segments', 'plays', 'plays_2020_01')
    expect(segments.out).toMatch(
      /^plays_2020_01 {2}2,232 rows in \d+ segments, [\d.]+ kB\n {2}cut by song, in order of at\n/,
    )
    const { packs } = await told<{ packs: readonly PackReport[] }>('segments', 'plays')
    const [pack] = packs
    expect(packs).toHaveLength(1)
    expect(pack?.columns.map(({ name }) => name)).toEqual(['id', 'at', 'song', 'listener', 'amount'])
    expect(pack?.columns.find(({ name }) => name === 'song')?.codec).toBe('key')
    const sum = pack?.columns.reduce((bytes, { segmentBytes, wordBytes }) => bytes + segmentBytes + wordBytes, 0) ?? 0
    expect(sum).toBeGreaterThan(0)
    expect(sum).toBeLessThan(pack?.sizeBytes ?? 0)
  })

  test('what is noted for the job is done with its next run; a paused table is left alone', async () => {
    expect((await tier('pause', 'plays')).code).toBe(0)
    expect((await tier('status')).out).toContain('its tiers are paused')
    expect((await command(project.dir, 'jobs', 'run', 'tiers')).out).toContain('Nothing to do.')
    expect(await stateOf('plays_2020_02')).toBe('hot')
    expect((await tier('unpack', 'plays', 'plays_2020_01', '--later')).out).toBe(
      'Noted: the job `tiers` will unpack plays_2020_01.\n',
    )
    expect((await command(project.dir, 'jobs', 'run', 'tiers')).out).toContain('1 partition moved')
    expect([await stateOf('plays_2020_01'), await stateOf('plays_2020_02')]).toEqual(['hot', 'hot'])
    expect((await tier('resume', 'plays')).out).toBe('Resumed.\n')
    expect((await command(project.dir, 'jobs', 'run', 'tiers')).code).toBe(0)
    expect([await stateOf('plays_2020_01'), await stateOf('plays_2020_02')]).toEqual(['hot', 'packed'])
    expect((await tier('status', 'plays')).out).toMatch(/plays_2020_01 +hot .*held where it is/)
  })

  test.each([
    [['pack', 'plays', 'plays_1999'], /no partition "plays_1999"/],
    [['pack', 'plays', 'plays_2020_01', '--later', '--verbose', '--never'], /unknown option/],
    [['status', 'songs'], /No tiers are declared for table "songs"/],
    [['segments', 'plays', 'plays_2020_01'], /is not packed/],
    [['drop', 'plays', 'plays_2020_02'], /cannot go on|state/],
    [['abort', 'plays', 'plays_2020_02'], /cannot go on|state/],
    [['unpack', 'plays', 'plays_2020_01'], /cannot go on|state/],
  ])('%j is refused', async (args, message) => {
    const { code, err } = await tier(...args)
    expect(code).toBeGreaterThan(2)
    expect(err).toMatch(message)
  })
})
