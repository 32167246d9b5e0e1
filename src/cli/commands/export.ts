import type { Command } from 'commander'
import { loadConfig } from '../../config/index.ts'
import { createDashboard, renderPrometheusRules } from '../../watch/index.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { printJson } from '../output.ts'
import type { Run } from '../run.ts'

export function addExport(program: Command, context: CliContext, run: Run): void {
  const command = program.command('export').description('print what other systems read: a dashboard, alerting rules')
  run(command.command('dashboard').description('a dashboard for Grafana, as JSON'), async () => {
    printJson(context, createDashboard())
    return 0
  })
  run(
    command
      .command('rules')
      .description('the alert rules of the configuration for Prometheus and Alertmanager, as YAML')
      .addHelpText('after', '\nNeeds Prometheus 2.42 or later. With --json: { "yaml": … }.\n'),
    async (options) => {
      const { config } = await loadConfig({ cwd: context.cwd, file: (options as GlobalOptions).config })
      const yaml = renderPrometheusRules(config.alerts.rules)
      if (options.json === true) printJson(context, { yaml })
      else context.out(yaml)
      return 0
    },
  )
}
