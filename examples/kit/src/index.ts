// What the example apps share, beside the web modules under /kit/.

export { createAnswers, joinEvents, type AnswerChoice, type AnswersOptions, type SendAnswer } from './answers.ts'
export { numberOf, readArguments, type ArgumentValues, type CommandOptions } from './arguments.ts'
export { createApp, type App, type AppOptions } from './app.ts'
export { describeFailure, runCommand, stopIfAsked, tell, untilStopped } from './command.ts'
export { copyRows, encodeRows, type CopyRow, type CopyRowsOptions, type CopyValue } from './copy-rows.ts'
export { defineCursor, type Cursor, type CursorKeys, type CursorKind } from './cursor.ts'
export { runDeploy, type DeployCommand } from './deploy.ts'
export { openEmbedded, type Embedded, type EmbeddedOptions, type FillOptions, type Filling } from './embedded.ts'
export { matchesEtag, weakEtag } from './etag.ts'
export { defineFields, type FieldChoice } from './fields.ts'
export {
  badInput,
  conflict,
  forbidden,
  HttpError,
  notFound,
  unauthorized,
  unavailable,
  type ErrorAnswer,
} from './http-error.ts'
export { KitError } from './kit-error.ts'
export { createLogger } from './logger.ts'
export { servePages, type PagesOptions } from './pages.ts'
export {
  createProgress,
  silent,
  type MakeBar,
  type Progress,
  type ProgressOptions,
  type ProgressPart,
  type ProgressStream,
} from './progress.ts'
export {
  createRandom,
  createTimeOfDay,
  createWeighted,
  createZipf,
  eveningHours,
  type Random,
  type Sampler,
} from './random.ts'
export { runServe, type Served } from './serve.ts'
export { serveApp, type ServedApp, type ServeOptions } from './served-app.ts'
export {
  serviceStatus,
  startService,
  stopService,
  type ServiceName,
  type ServiceOptions,
  type ServiceStatus,
} from './service/service.ts'
export { readAddress, readList, readSecret, readTokens, type Environment, type ServiceSettings } from './settings.ts'
export { body, params, query, short, word } from './shapes.ts'
export { holdsToken } from './tokens.ts'
export { warm, type WarmRequest } from './warm.ts'
