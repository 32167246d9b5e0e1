// npm run deploy: the database first, by `pgstrata deploy`, then the service, replaced without a gap. What the new process needs of the
// database is there before it starts; the one before goes on until the new one is ready. Where the database is not as declared
// afterwards, the service stays as it is.

import { fileURLToPath } from 'node:url'
import { deployDatabase, keptSecret, readArguments, runCommand, startService, stopService } from 'pgstrata-example-kit'
import { readSettings } from './settings.ts'
import { folder } from './strata.ts'

const usage = `npm run deploy -- [--dry-run | --no-service | --stop]
  --dry-run     checks the database, and shows what would be done
  --no-service  the database alone
  --stop        ends the service
  The database is DATABASE_URL, or that of pgstrata.config.ts. HOST, PORT, STREAMR_OPERATORS and STREAMR_SECRET are those of the service.`

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
  if (isDry || values['no-service'] === true) return
  if (code === 0) await replaceService()
  else tell('The service was left as it is.')
})

async function replaceService(): Promise<void> {
  const { host, port, secret } = readSettings(process.env)
  const { logPath } = await startService({
    folder,
    entry: fileURLToPath(new URL('serve.ts', import.meta.url)),
    env: { ...process.env, STREAMR_SECRET: secret ?? (await keptSecret(folder)) },
    readyUrl: `http://${host}:${port}/health/ready`,
  })
  tell(`The service is http://${host}:${port}, and says more in ${logPath}`)
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}
