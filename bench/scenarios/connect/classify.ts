// What it costs to know a statement again that was classified before.

import { createClassifier, loadParser } from '../../../src/sql/classify/index.ts'
import { timeMs, type Variant } from '../../harness/rounds.ts'

const texts = Array.from({ length: 200 }, (_, index) => `select a${index}, b from t where c = $1 order by d limit $2`)
const calls = 400_000

export async function classifyVariant(): Promise<Variant> {
  await loadParser()
  const classifier = createClassifier()
  for (const text of texts)
    if (classifier.classify(text).route !== 'read') throw new Error('A read is taken for a write')
  return {
    name: 'classify',
    run: async () => {
      const tookMs = await timeMs(async () => {
        for (let call = 0; call < calls; call++) classifier.classify(texts[call % texts.length] ?? '')
      })
      return { classify_cached_us: (tookMs * 1_000) / calls }
    },
  }
}
