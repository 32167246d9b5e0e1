// npm run generate: fills the database with artists, songs, listeners, and a year of plays and payments.

import { createProgress, runCommand, silent, tell } from 'pgstrata-example-kit'
import { readGenerateArguments } from './generator/arguments.ts'
import { generate } from './generator/generate.ts'
import { describeReport } from './generator/report.ts'
import { openMycelix } from './strata.ts'

await runCommand(async (signal, atEnd) => {
  const given = readGenerateArguments()
  if (given === undefined) return
  const { isJson, ...options } = given
  const strata = openMycelix()
  atEnd(() => strata.close())
  const report = await generate(strata, { ...options, signal, progress: isJson ? () => silent : createProgress })
  tell(isJson ? JSON.stringify(report) : describeReport(report))
})
