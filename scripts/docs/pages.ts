// The pages that are generated, each from the one place in the source that knows.

import { renderFindingDocs } from '../../src/advise/docs.ts'
import { readFileSync } from 'node:fs'
import { renderInsightDocs } from '../../src/advise/insights/docs.ts'
import { errorTable } from '../../src/base/error-table.ts'
import { configSchema } from '../../src/config/index.ts'
import { renderLintDocs } from '../../src/migrate/lint/index.ts'
import { renderConfigDocs } from './config.ts'
import { renderEndpointDocs } from './endpoints.ts'
import { renderErrorDocs } from './errors.ts'
import { renderWatchDocs } from './watch.ts'
import { renderAlertDocs } from './rules.ts'

export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly render: () => string
}

export const pages: readonly Page[] = [
  { path: 'docs/watch.md', render: renderWatchDocs },
  { path: 'docs/endpoints.md', render: renderEndpointDocs },
  { path: 'docs/errors.md', render: () => renderErrorDocs(errorTable) },
  { path: 'docs/config.md', render: () => renderConfigDocs(configSchema) },
  { path: 'docs/lint.md', render: renderLintDocs },
  {
    path: 'docs/explain.md',
    render: () => renderInsightDocs(readFileSync(new URL('../../docs/explain.md', import.meta.url), 'utf8')),
  },
  { path: 'docs/findings.md', render: renderFindingDocs },
  { path: 'docs/alerts.md', render: renderAlertDocs },
]
