// npm run deploy: the database, what a load had left that was killed, and the service, replaced without a gap.

import { createProgress, runDeploy, tell } from 'pgstrata-example-kit'
import { mendLoad } from './generator/load/mend.ts'
import { readSettings, secretName } from './settings.ts'
import { folder, openMycelix } from './strata.ts'

await runDeploy({
  folder,
  entry: new URL('serve.ts', import.meta.url),
  readSettings,
  secretName,
  variables: 'HOST, PORT, MYCELIX_MANAGE_TOKENS and MYCELIX_SECRET',
  afterDatabase: mend,
})

/** Where a load of the generator was killed, indexes and foreign keys are away. */
async function mend(): Promise<void> {
  const strata = openMycelix()
  try {
    if (await mendLoad(strata, createProgress)) tell('What a load had left that was killed is mended.')
  } finally {
    await strata.close()
  }
}
