// npm run deploy: the database first, by `pgstrata deploy`, then the service, replaced without a gap. What the new process needs of the
// database is there before it starts; the one before goes on until the new one is ready. Where the database is not as declared
// afterwards, the service stays as it is.

import { fileURLToPath } from 'node:url'
import {
  createProgress,
  deployDatabase,
  keptSecret,
  readArguments,
  runCommand,
  startService,
  stopService,
} from 'pgstrata-example-kit'
import { mendLoad } from './generator/load/mend.ts'
import { readSettings } from './settings.ts'
import { folder, openMycelix } from './strata.ts'

const usage = `npm run deploy -- [--dry-run | --no-service | --stop]
  --dry-run     checks the database, and shows what would be done
  --no-service  the database alone
  --stop        ends the service
  The database is DATABASE_URL, or that of pgstrata.config.ts. HOST, PORT, MYCELIX_MANAGE_TOKENS and MYCELIX_SECRET are those of the
  service.`

await runCommand(async (signal) => {
  const values = readArguments({
    usage,
    options: { 'dry-run': { type: 'boolean' }, 'no-service': { type: 'boolean' }, stop: { type: 'boolean' } },
  })
  if (values === undefined) return
  if (values['stop'] === true) return tell((await stopService({ folder })) ? 'The service has ended' : 'There was none')
  const isDry = values['dry-run'] === true
  const code = await deployDatabase({ folder, isDry, signal })
  process.exitCode = code
  if (isDry) return
  if (code !== 0) return tell('The service was left as it is.')
  await mend()
  if (values['no-service'] !== true) await replaceService()
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

async function replaceService(): Promise<void> {
  const { host, port, secret } = readSettings(process.env)
  const { logPath } = await startService({
    folder,
    entry: fileURLToPath(new URL('serve.ts', import.meta.url)),
    env: { ...process.env, MYCELIX_SECRET: secret ?? (await keptSecret(folder)) },
    readyUrl: `http://${host}:${port}/health/ready`,
  })
  tell(`The service is http://${host}:${port}, and says more in ${logPath}`)
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}
