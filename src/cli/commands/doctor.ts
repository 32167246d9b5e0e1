import type { Command } from 'commander'
import type { ProbeResult, Verdict } from '../../base/probe.ts'
import { paint, type CliContext, type Style } from '../context.ts'
import { withStrata } from '../open.ts'
import { printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

const styles: Readonly<Record<Verdict, Style>> = { ok: 'green', warn: 'yellow', fail: 'red' }

export function addDoctor(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('doctor')
    .description('look at servers, replicas, privileges, settings and migrations, and say what to mend')
    .addHelpText('after', '\nExit 0: ok, perhaps with warnings. Exit 4: something fails.\n')
  run(command, (options) =>
    withStrata(context, options, async (strata) => {
      const results: (ProbeResult & { name: string })[] = []
      const silent: string[] = []
      for (const [index, probe] of strata.probes.entries()) {
        if (silent.some((server) => probe.name.startsWith(server))) continue
        const result = { name: probe.name, ...(await probe.run()) }
        results.push(result)
        if (result.verdict === 'fail' && probe.name.endsWith(': connection')) {
          // Every further question needs the first connection; those about a server need the one to it.
          if (index === 0) break
          silent.push(probe.name.slice(0, -'connection'.length))
        }
      }
      const failed = results.filter((result) => result.verdict === 'fail').length
      if (options.json === true) printJson(context, { ok: failed === 0, checks: results })
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
    }),
  )
}
