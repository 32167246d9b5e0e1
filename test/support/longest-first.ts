// The order of files: those that take long first, so that none of them runs alone at the end; then what was measured here last
// time, or the size of files, says. Files that share a process come last, together.

import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Half a minute and more on two cores, the longest first. */
const longest: readonly string[] = [
  'migrate/kill',
  'cli/dev',
  'cli/cli',
  'partitions/convert/live',
  'server/prometheus',
  'rollups/changed',
  'rollups/levels-declared',
  'partitions/convert/replaced',
  'rollups/changed-model',
  'partitions/convert/identity',
  'rollups/distinct-windows-applied',
  'rollups/applied',
  'repo/docs',
  'embedded/kept-data',
  'maintain/server',
  'maintain/silence',
  'repo/api',
  'watch/watching',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- the order that vitest gives, and no array's method.
    const sorted = await super.sort(files)
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (project.name === 'shared') return longest.length + 1
      const at = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return at === -1 ? longest.length : at
    }
    return sorted.toSorted((left, right) => rank(left) - rank(right))
  }
}
