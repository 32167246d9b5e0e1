export { captureStatements, captureTriggerPrefix, logOf, truncationsOf, type Capture } from './capture.ts'
export {
  consume,
  consumptionSettings,
  countPending,
  forgetTruncations,
  wasTruncated,
  type Consumption,
  type LogCursor,
} from './consume.ts'
