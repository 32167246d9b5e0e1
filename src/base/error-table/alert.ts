// Alerts: rules, what is done about them, silences.

import { failed, refused, usage, type ErrorEntry } from './entry.ts'

export type AlertErrorCode =
  | 'ALERT_RULE_UNKNOWN'
  | 'ALERT_SILENCE_UNKNOWN'
  | 'ALERT_ACTION_FAILED'
  | 'ALERT_PAST_TOO_LONG'

export const alertErrors: Readonly<Record<AlertErrorCode, ErrorEntry>> = {
  ALERT_RULE_UNKNOWN: {
    ...usage,
    status: 404,
    title: 'There is no rule of that name.',
    advice: 'See `pgstrata alerts rules`.',
  },
  ALERT_SILENCE_UNKNOWN: {
    ...usage,
    status: 404,
    title: 'There is no silence of that number, or it is over.',
    advice: '`pgstrata alerts` lists those that stand.',
  },
  ALERT_ACTION_FAILED: {
    ...failed,
    title: 'What is to be done about an alert failed.',
    advice: 'The message says why; `pgstrata alerts history --json` has what became of each action.',
  },
  ALERT_PAST_TOO_LONG: {
    ...refused,
    title: 'A rule cannot be tried on that much of the past at once.',
    advice: 'Name a shorter time with --from and --to, or narrow the rule with `where`.',
  },
}
