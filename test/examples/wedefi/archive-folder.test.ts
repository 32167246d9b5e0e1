// No test archives into the folder of the app.

import { expect, test } from 'vitest'
import type { EmbeddedCluster } from 'pgstrata/embedded'
import { folder, resolveWedefi } from '../../../examples/wedefi/src/strata.ts'
import { watchedConfig } from './monitoring-support.ts'
import { pageConfig } from './page-support.ts'
import { portfolioConfig } from './portfolio-support.ts'
import { riskConfig } from './risk-support.ts'
import { testConfig } from './service-support.ts'

const url = 'postgres://postgres@127.0.0.1:1/wedefi'

test('what tests archive, its work and its cache are outside of the app', () => {
  const cluster = { replicas: [] } as unknown as EmbeddedCluster
  const configs = {
    risk: riskConfig(url),
    portfolios: portfolioConfig({ url }),
    service: testConfig({ url }),
    page: pageConfig(url),
    monitoring: watchedConfig({ cluster, url, operationsUrl: 'http://127.0.0.1:1' }),
  }
  // As the app itself has it, so that this would be seen.
  expect(JSON.stringify(resolveWedefi({ url, replicas: {} }).archive)).toContain(folder)
  for (const [name, { archive }] of Object.entries(configs)) {
    expect([name, archive === undefined]).toEqual([name, false])
    expect(JSON.stringify(archive)).not.toContain(folder)
    expect(JSON.stringify(archive)).not.toContain('.pgstrata')
  }
})
