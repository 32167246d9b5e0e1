// The pages that are generated, each from the one place in the source that knows.

import { errorTable } from '../../src/base/error-table.ts'
import { configSchema } from '../../src/config/index.ts'
import { renderLintDocs } from '../../src/migrate/lint/index.ts'
import { renderConfigDocs } from './config.ts'
import { renderErrorDocs } from './errors.ts'

export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly render: () => string
}

export const pages: readonly Page[] = [
  { path: 'docs/errors.md', render: () => renderErrorDocs(errorTable) },
  { path: 'docs/config.md', render: () => renderConfigDocs(configSchema) },
  { path: 'docs/lint.md', render: renderLintDocs },
]
