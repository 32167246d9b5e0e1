// Step 5: how the worst statements are carried out, and whether the planner knows the tables it plans for.

import { messageOf } from '../../base/errors.ts'
import { neverAnalysed } from '../checks/never-analysed.ts'
import { slowStatements } from '../checks/slow-statements.ts'
import { staleStatistics } from '../checks/stale-statistics.ts'
import { explainCommand } from '../checks/tools/statements.ts'
import { judge, suspect, type SlowAnswer, type SlowStep } from './step.ts'

const mostStatements = 3

export const queryPlans: SlowStep = {
  name: 'query-plans',
  question: 'Are the plans of the worst statements good ones?',
  look: async ({ check, handed: { readInsights } }) => {
    const judged = judge(await check(staleStatistics, neverAnalysed), {
      well: 'The planner knows the tables as they are',
      weight: 0.8,
    })
    const slow = await check(slowStatements)
    if (readInsights === undefined)
      return judged.verdict === 'likely' ? judged : withUnknown(judged, 'no plans were looked at')
    const told: string[] = []
    const silent: string[] = [...slow.unknown]
    const statements: string[] = []
    for (const { evidence } of slow.findings.slice(0, mostStatements)) {
      const queryid = String(evidence['queryid'])
      try {
        const insights = await readInsights(queryid)
        if (insights.length > 0) {
          statements.push(queryid)
          told.push(...insights.map((insight) => `statement ${queryid}: ${insight}`))
        }
      } catch (error) {
        silent.push(`statement ${queryid} could not be explained: ${messageOf(error)}`)
      }
    }
    if (told.length === 0)
      return silent.length === 0 || judged.verdict === 'likely' ? judged : withUnknown(judged, silent.join('; '))
    return suspect({
      suspicion: Math.max(0.65, judged.suspicion),
      found: told[0] ?? '',
      evidence: { statements: statements.join(', '), insights: told.length },
      findings: judged.findings,
      unknown: [...judged.unknown, ...silent],
      next: [...statements.map(explainCommand), ...judged.next],
    })
  },
}

function withUnknown(answer: SlowAnswer, why: string): SlowAnswer {
  return { ...answer, verdict: 'unknown', found: why, unknown: [...answer.unknown, why] }
}
