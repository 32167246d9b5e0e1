import type { Command } from 'commander'
import type { Verdict } from '../../base/probe.ts'
import { StrataError } from '../../base/errors.ts'
import type { Strata } from '../../strata.ts'
import { paint, type CliContext, type Style } from '../context.ts'
import { deepLines, slowLines } from '../findings-text.ts'
import { withStrata } from '../open.ts'
import { printJson, printLines } from '../output.ts'
import { runProbes } from '../probes.ts'
import type { Run } from '../run.ts'

const styles: Readonly<Record<Verdict, Style>> = { ok: 'green', warn: 'yellow', fail: 'red' }

export function addDoctor(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('doctor')
    .description('look at servers, replicas, privileges, settings and migrations, and say what to mend')
    .option(
      '--deep',
      'ask every health check there is, with the SQL that mends what is found, and a score from 0 to 100',
    )
    .option('--why-slow', 'take the eight steps for when it has become slow, and name the likely causes')
    .addHelpText(
      'after',
      '\nExit 0: ok, perhaps with warnings. Exit 4: something fails (--deep: something is critical, or a server does not answer).\n',
    )
  run(command, (options) => {
    if (options['deep'] === true && options['whySlow'] === true)
      throw new StrataError('USAGE', { message: '--deep and --why-slow are two questions: ask one at a time' })
    return withStrata(context, options, async (strata) => {
      const asJson = options.json === true
      if (options['deep'] === true) return await askDeep(context, strata, asJson)
      if (options['whySlow'] === true) return await askWhySlow(context, strata, asJson)
      return await askProbes(context, strata, asJson)
    })
  })
}

async function askDeep(context: CliContext, strata: Strata, asJson: boolean): Promise<number> {
  const report = await strata.readFindings({ signal: context.signal })
  const critical = report.findings.filter(({ gravity }) => gravity === 'critical').length
  const isOk = critical === 0 && report.silent.length === 0
  if (asJson) printJson(context, { ok: isOk, ...report })
  else printLines(context, deepLines(context, report))
  return isOk ? 0 : 4
}

async function askWhySlow(context: CliContext, strata: Strata, asJson: boolean): Promise<number> {
  const report = await strata.findWhySlow({ signal: context.signal })
  if (asJson) printJson(context, report)
  else printLines(context, slowLines(context, report))
  return 0
}

async function askProbes(context: CliContext, strata: Strata, asJson: boolean): Promise<number> {
  const results = await runProbes(strata.probes)
  const failed = results.filter((result) => result.verdict === 'fail').length
  if (asJson) printJson(context, { ok: failed === 0, checks: results })
  else {
    printLines(
      context,
      results.flatMap((result) => [
        `${paint(context, styles[result.verdict], result.verdict.padEnd(4))}  ${result.name}: ${result.found}`,
        ...(result.fix === undefined ? [] : [`      ${paint(context, 'cyan', '→')} ${result.fix}`]),
      ]),
    )
  }
  return failed === 0 ? 0 : 4
}
