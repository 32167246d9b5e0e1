export {
  createConversion,
  type Conversion,
  type ConversionOutcome,
  type ConvertOptions,
  type RunOptions,
} from './facade.ts'
export type { ConversionPreview, PreviewedStatement, PreviewedStep } from './preview.ts'
export type { ConversionRecord } from './record.ts'
export type { ConversionEvent, Limits } from './run-context.ts'
