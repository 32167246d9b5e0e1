// npm run deploy: the database, with the months of telemetry that is written meanwhile, and the service, replaced without a gap.

import { runDeploy } from 'pgstrata-example-kit'
import { readSettings, secretName } from './settings.ts'
import { folder } from './strata.ts'

await runDeploy({
  folder,
  entry: new URL('serve.ts', import.meta.url),
  readSettings,
  secretName,
  variables:
    'HOST, PORT, REDIS_URL, SESSIONS_MODERATORS, SESSIONS_MANAGE_TOKENS, SESSIONS_PROXIES, SESSIONS_SITE and SESSIONS_SECRET',
  convert: ['telemetry_events'],
})
