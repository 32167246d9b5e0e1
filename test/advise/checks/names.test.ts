// Jobs ask health checks by name: each name is that of a check, or of what the root answers itself.

import { expect, test } from 'vitest'
import { checks } from '../../../src/advise/index.ts'
import { indexChecks } from '../../../src/maintain/jobs/optimize.ts'
import { checklists } from '../../../src/maintain/jobs/review.ts'

test('what jobs ask there is to be asked', () => {
  const known = new Set([...checks.map(({ name }) => name), 'view-freshness', 'suggested-index'])
  const asked = [...Object.values(indexChecks).flat(), ...checklists.flatMap(({ checks: names }) => names)]
  expect(asked.filter((name) => !known.has(name))).toEqual([])
})
