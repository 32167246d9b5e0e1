// npm run deploy: the database, and the service, replaced without a gap.

import { runDeploy } from 'pgstrata-example-kit'
import { readSettings, secretName } from './settings.ts'
import { folder } from './strata.ts'

await runDeploy({
  folder,
  entry: new URL('serve.ts', import.meta.url),
  readSettings,
  secretName,
  databaseName: 'DATABASE_URL_PRIMARY',
  variables:
    'HOST, PORT, WEDEFI_OPERATORS, WEDEFI_MANAGE_TOKENS, WEDEFI_SECRET, and what README.md says of replicas, Redis, archive and webhooks',
})
