// npm run deploy: the database, and the service, replaced without a gap.

import { runDeploy } from 'pgstrata-example-kit'
import { readSettings, secretName } from './settings.ts'
import { folder } from './strata.ts'

await runDeploy({
  folder,
  entry: new URL('serve.ts', import.meta.url),
  readSettings,
  secretName,
  variables: 'HOST, PORT, STREAMR_OPERATORS, STREAMR_MANAGE_TOKENS and STREAMR_SECRET',
})
