export {
  createConversion,
  type Conversion,
  type ConversionOutcome,
  type ConversionTools,
  type ConvertOptions,
  type RunOptions,
  type TableName,
} from './facade.ts'
export { conversionParts, type ConversionParts } from './parts.ts'
export type { ConversionPreview, PreviewedStatement, PreviewedStep } from './preview.ts'
export type { ConversionRecord } from './record.ts'
export type { ConversionEvent, Limits } from './run-context.ts'
export type { Ending } from './steps.ts'
